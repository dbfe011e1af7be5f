package detectors

import (
	"fmt"
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// maxRedirecting bounds the nodes of which it is remembered whether they name hosts.
const maxRedirecting = 4096

// MovedEmptyHost is RS303: a redirect without a host.
func MovedEmptyHost() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS303", Name: "moved-empty-host", Severity: incident.High, Since: "0.1.0",
		Summary: "a redirect names no host: it is empty or a question mark",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &nameless{
				r: r, nodes: map[netip.AddrPort]*naming{},
				bound: r.DetailBound(maxRedirecting, "redirecting nodes", "whether further nodes name hosts"),
			}
			w.groups = incident.Keep(r.Collector, incident.Texts[*naming]{
				Title: func(f *incident.Finding, _ **naming) string {
					return fmt.Sprintf("%s redirects without naming a host: %s", f.Server, incident.Counted(f.Count, "time", "times"))
				},
				Remedy: func(_ *incident.Finding, n **naming) string { return w.remedy(*n) },
				Notes:  func(_ *incident.Finding, n **naming) []string { return w.notes(*n) },
			})
			return analysis.Hooks{Redirect: w.see}
		},
	}
}

// nameless counts which nodes name hosts in their redirects.
type nameless struct {
	r      *analysis.Reporter
	nodes  map[netip.AddrPort]*naming
	bound  *bound.Bound            // of nodes
	groups incident.Facts[*naming] // of the group's node
}

// naming is how one node redirects.
type naming struct {
	without, with int
	question      bool
}

func (w *nameless) see(e *cluster.Redirected) {
	n := w.nodes[e.Session.Server]
	if n == nil {
		n = &naming{}
		if w.bound.Admits(len(w.nodes)) {
			w.nodes[e.Session.Server] = n
		}
	}
	if e.How != cluster.SameHost && e.How != cluster.Placeholder {
		n.with++
		return
	}
	n.without++
	n.question = n.question || e.How == cluster.Placeholder
	o := redirectOccurrence(e, incident.High, pairing.Proven)
	o.Evidence = func() incident.Example {
		how := "the host is empty: a client must take it for the host that it asked, " + e.Target.String()
		if e.How == cluster.Placeholder {
			how = "the host is \"?\": no client can follow it"
		}
		return redirectExample(w.r.Run(), e, how)
	}
	*w.groups.Add(o) = n
}

func (w *nameless) remedy(n *naming) string {
	without, with := w.count()
	switch {
	case n.question:
		return "The node has no host name to announce although it is set to prefer one: set cluster-announce-hostname, or " +
			"cluster-preferred-endpoint-type ip."
	case with > 0:
		return "This node has lost its own address, the others have theirs: set cluster-announce-ip or cluster-announce-hostname on it."
	case without > 1:
		return "All nodes do it: cluster-preferred-endpoint-type is unknown-endpoint. That is meant for proxies and address translation; " +
			"the client must use the host that it asked again, with the port given."
	}
	return "If all nodes do this, cluster-preferred-endpoint-type is unknown-endpoint and the client must use the host that it asked again. " +
		"If only this one does, it has lost its own address: set cluster-announce-ip or cluster-announce-hostname."
}

// count returns how many nodes redirect without a host, and how many name one.
func (w *nameless) count() (without, with int) {
	for _, n := range w.nodes {
		if n.without > 0 {
			without++
		} else {
			with++
		}
	}
	return without, with
}

func (w *nameless) notes(n *naming) []string {
	without, with := w.count()
	notes := []string{fmt.Sprintf("of %s that redirected clients in this capture, %d left out the host", incident.Counted(without+with, "node", "nodes"), without)}
	if n.with > 0 {
		notes = append(notes, fmt.Sprintf("this node named a host %s", incident.Counted(n.with, "time", "times")))
	}
	return notes
}
