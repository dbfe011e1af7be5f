package evidence

import (
	"net/netip"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/bound"
)

// Neighbours returns, of all findings, the others about the clients and servers of some findings, and conns with the connections
// of their examples.
func Neighbours(findings, found []incident.Finding, conns []int64, limit *bound.Bound) ([]incident.Finding, []int64) {
	var others []incident.Finding
	all := slices.Clone(conns)
	for _, f := range findings {
		same := slices.ContainsFunc(found, func(x incident.Finding) bool {
			return x.Fingerprint != f.Fingerprint && (f.Client.IsValid() && x.Client == f.Client || f.Server.IsValid() && x.Server == f.Server)
		})
		if !same || incident.IsQuality(f.Rule) {
			continue
		}
		others = append(others, f)
		for _, e := range f.Examples {
			if e.Conn > 0 && !slices.Contains(all, e.Conn) && limit.Admits(len(all)) {
				all = append(all, e.Conn)
			}
		}
	}
	return others, all
}

// Everyone returns conns with the other connections of the findings' clients, or of their servers where no client is
// concerned.
func Everyone(rows []*analysis.ConnSummary, found []incident.Finding, conns []int64, limit *bound.Bound) []int64 {
	clients, servers := map[netip.Addr]bool{}, map[netip.AddrPort]bool{}
	for i := range found {
		switch f := &found[i]; {
		case f.Client.IsValid():
			clients[f.Client] = true
		case f.Server.IsValid():
			servers[f.Server] = true
		}
	}
	all := slices.Clone(conns)
	var ids []int64
	for _, c := range rows {
		if clients[c.Client.Addr()] || servers[c.Server] {
			ids = append(ids, c.ID)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		if !slices.Contains(conns, id) && limit.Admits(len(all)) {
			all = append(all, id)
		}
	}
	return all
}
