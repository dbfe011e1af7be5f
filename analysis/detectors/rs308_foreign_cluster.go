package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// mapsApart is how far apart two maps may be to be compared: a cluster can be built anew in between.
const mapsApart = 10 * time.Minute

// ForeignCluster is RS308: a node that belongs to another cluster than those that list it.
func ForeignCluster() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS308", Name: "foreign-cluster", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a node's own slot map shares no node with the map of the cluster that lists it",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s belongs to another cluster than the nodes that list it", f.Server)
			}
			r.Remedy = func(f *incident.Finding) string {
				return fmt.Sprintf("%s belongs to another cluster (address reuse). Disconnect clients and re-announce.", f.Server)
			}
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				maps := run.Topology().ClusterMaps()
				for _, own := range maps {
					for _, m := range maps {
						if m != own && foreign(own, m) {
							r.Add(stranger(run, own, m))
							break
						}
					}
				}
			}}
		},
	}
}

// foreign reports whether a map lists the node that gave own, under an id that own does not have, and the two have no id
// in common.
func foreign(own, m *cluster.ClusterMap) bool {
	if d := own.Time.Sub(m.Time); d > mapsApart || d < -mapsApart {
		return false
	}
	listed, ok := m.Names(own.From)
	if !ok || listed.ID == "" {
		return false
	}
	ids := map[string]bool{}
	for i := range m.Nodes {
		ids[m.Nodes[i].ID] = true
	}
	for i := range own.Nodes {
		if id := own.Nodes[i].ID; id == "" || ids[id] {
			return false
		}
	}
	return true
}

// identifier is the beginning of a node's id, as it may be printed.
func identifier(id string) string { return resp.TextOf([]byte(id)).Short(12) }

func stranger(r *analysis.Run, own, m *cluster.ClusterMap) incident.Occurrence {
	listed, _ := m.Names(own.From)
	return incident.Occurrence{
		Client: own.Client, AnyClient: true, Server: own.From, Conn: own.Conn, Time: max(own.Time, m.Time), Severity: incident.Critical, Confidence: pairing.Strong,
		Evidence: func() incident.Example {
			return incident.Example{
				File: r.File(own.File), Frames: frames(m.Frame, own.Frame),
				Facts: []string{
					fmt.Sprintf("%s's %s (frame %d) lists %s as its node %s", m.From, m.Command, m.Frame, own.From, identifier(listed.ID)),
					fmt.Sprintf("%s's own %s (frame %d) lists %s, none of which %s knows; the first is %s",
						own.From, own.Command, own.Frame, incident.Counted(len(own.Nodes), "node", "nodes"), m.From, identifier(own.Nodes[0].ID)),
				},
			}
		},
	}
}
