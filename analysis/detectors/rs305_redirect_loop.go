package detectors

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// What makes redirects a loop.
const (
	loopHops  = 3
	maxChains = 4096 // keys that are followed
	maxHops   = 16   // hops of one chain that are kept
)

// RedirectLoop is RS305: redirects that lead from node to node, or back to the node that sent them, and never to data.
func RedirectLoop() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS305", Name: "redirect-loop", Severity: incident.High, Since: "0.1.0",
		Summary: "one key is redirected again and again and never served",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS302"}, Share: incident.SameClient},
		},
		Step: incident.StepText{One: "1 redirect led nowhere", Many: "%d redirects led nowhere"},
		Params: []incident.Param{
			{Name: "loop_window", Default: "5s", Meaning: "longest time from one redirect to the next"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &loops{
				r: r, window: r.Duration("loop_window"), chains: map[keyID]*chain{},
				bound: r.EvidenceBound(maxChains, "redirected keys", "loops of further keys"),
			}
			w.kinds = incident.Keep(r.Collector, incident.Texts[course]{
				Title: func(f *incident.Finding, kind *course) string {
					n := incident.Counted(f.Count, "redirect", "redirects")
					switch *kind {
					case leadsBack:
						return fmt.Sprintf("%s of %s led back to the node that sent them, %s", n, f.Client, f.Server)
					case notFollowed:
						return fmt.Sprintf("%s does not follow redirects: %s by %s", f.Client, n, f.Server)
					}
					return fmt.Sprintf("nodes disagree on a slot: %s of %s led in a circle", n, f.Client)
				},
				Remedy: func(f *incident.Finding, kind *course) string { return loopRemedy(f, *kind) },
			})
			return analysis.Hooks{Redirect: w.see}
		},
	}
}

// loops follows each key through its redirects.
type loops struct {
	r      *analysis.Reporter
	window time.Duration // between one redirect and the next
	chains map[keyID]*chain
	bound  *bound.Bound // of chains
	kinds  incident.Facts[course]
}

// chain is redirects of one key without data between, all of one course.
type chain struct {
	hops []hop
	n    int
	kind course
}

// course is where the redirects of a chain led.
type course uint8

const (
	circle      course = iota // each was sent by the node that the one before had named
	leadsBack                 // the client, which knows of the cluster, asked the node that had sent it away
	notFollowed               // so did one that never asked for a slot map
)

// courseFrom says what the redirect now makes of the one before it; ok is false where it has nothing to do with it. What is
// sent twice to the same node counts on one connection only: several callers may each be sent away once.
func courseFrom(last *hop, now *hop, e *cluster.Redirected) (kind course, ok bool) {
	switch {
	case last.to.IsValid() && last.to == now.from:
		return circle, true
	case last.from != now.from || last.conn != now.conn || now.to == now.from || e.Elsewhere >= last.at || e.Since > last.at:
		return circle, false
	case e.Chart == nil:
		return notFollowed, true
	}
	return leadsBack, true
}

// loopLevel returns how sure it is that nobody followed a redirect. A capture beside one node has nothing of what its clients
// ask of the others.
func loopLevel(kind course, e *cluster.Redirected) pairing.Confidence {
	switch {
	case kind == circle:
		return pairing.Proven
	case e.SeveralNodes:
		return pairing.Strong
	case kind == notFollowed && e.Session.Start != reassembly.MidStream:
		return pairing.Likely
	}
	return pairing.Possible
}

func (w *loops) see(e *cluster.Redirected) {
	ex, id := e.Exchange, keyOf(e)
	now := hop{from: e.Session.Server, to: e.Target, at: ex.Serves.Time, frame: ex.Frame, reply: ex.Serves.Frame, conn: e.Session.ID, what: named(w.r.Run(), ex)}
	if !now.to.IsValid() {
		now.name = hostText(&e.Redirect)
	}
	c := w.chains[id]
	if c == nil {
		if !w.bound.Admits(len(w.chains)) {
			clear(w.chains) // those of now are worth more
		}
		c = &chain{}
		w.chains[id] = c
	}
	if c.n > 0 {
		last := &c.hops[len(c.hops)-1]
		kind, follows := courseFrom(last, &now, e)
		switch {
		case !follows || now.at.Sub(last.at) >= w.window || ex.Time < last.at || e.LastData >= last.at:
			c.hops, c.n = c.hops[:0], 0
		case kind != c.kind:
			c.hops, c.n = append(c.hops[:0], *last), 1
		}
		c.kind = kind
	}
	c.hops, c.n = append(c.hops, now), c.n+1
	if len(c.hops) > maxHops {
		c.hops = append(c.hops[:0], c.hops[1:]...)
	}
	if c.n < loopHops {
		return
	}
	o := redirectOccurrence(e, incident.High, loopLevel(c.kind, e))
	o.Count = 1
	switch c.kind {
	case circle:
		o.AnyServer, o.Subject = true, fmt.Sprintf("slot %d", id.slot)
	case leadsBack:
		o.Subject = "back"
	case notFollowed:
		o.Subject = "not followed"
	}
	if c.n == loopHops {
		o.Count, o.Time, o.Last = loopHops, c.hops[0].at, now.at
	}
	o.Evidence = func() incident.Example { return w.evidence(c, &now, e) }
	*w.kinds.Add(o) = c.kind
}

// evidence shows a chain up to its latest redirect.
func (w *loops) evidence(c *chain, now *hop, e *cluster.Redirected) incident.Example {
	run := w.r.Run()
	x := redirectExample(run, e)
	x.Facts[0] = fmt.Sprintf("%s was redirected %d times and got no data", now.what, c.n)
	var says []string
	x.Frames = nil
	for i := range c.hops {
		says = append(says, c.hops[i].String())
		x.Frames = append(x.Frames, frames(c.hops[i].frame, c.hops[i].reply)...)
	}
	if c.kind == circle {
		x.Facts = append(x.Facts, strings.Join(says[max(0, len(says)-2):], ", "))
	} else {
		x.Facts = append(x.Facts, goesBack(c.kind, e)...)
	}
	x.Facts = append(x.Facts, "all hops: "+strings.Join(says, "; "))
	return x
}

// goesBack says why a client asks again the node that has sent it away.
func goesBack(kind course, e *cluster.Redirected) (facts []string) {
	s := e.Session
	if kind == notFollowed {
		facts = append(facts, fmt.Sprintf("%s asked %s again each time, and this capture has no command of it for slot %d to another node",
			s.Client.Addr(), s.Server, e.Redirect.Slot), "the client never asked for a slot map (CLUSTER SLOTS, SHARDS or NODES) in this capture")
	} else {
		host := fmt.Sprintf("%s:%d", hostText(&e.Redirect), e.Redirect.Port)
		switch {
		case !e.Target.IsValid():
			facts = append(facts, fmt.Sprintf("the redirect names %s, whose address this capture does not show, and the client asked %s again", host, s.Server))
		case e.How != cluster.ByName:
			facts = append(facts, fmt.Sprintf("the redirect names %s, and the client asked %s again: a map of addresses (NAT, port forwarding, a proxy) leads %s back to the node that sent it",
				e.Target, s.Server, e.Target))
		default:
			from := "this capture shows"
			if _, listed := e.Chart.Names(e.Target); listed {
				from = e.Chart.Command + " lists"
			}
			facts = append(facts, fmt.Sprintf("%s %s with the address %s, and the client asked %s again: its DNS or its map of names leads the name back to the node that sent it",
				from, host, e.Target.Addr(), s.Server))
		}
	}
	if !e.SeveralNodes {
		facts = append(facts, fmt.Sprintf("this capture has commands of %s to this node only: it may not show that it asked others", s.Client.Addr()))
	}
	return facts
}

func loopRemedy(f *incident.Finding, kind course) string {
	why := ""
	if len(f.Examples) > 0 && len(f.Examples[0].Facts) > 1 {
		why = f.Examples[0].Facts[1]
	}
	switch kind {
	case leadsBack:
		return "A redirect must lead to another node. Compare what the client resolves the name to, or maps the address to, with CLUSTER SLOTS " +
			"(stale DNS, a NAT map in the client's options, cluster-announce-ip or -hostname of the node): " + cmp.Or(why, "see the evidence") + "."
	case notFollowed:
		return "Use a client with cluster support, in its cluster mode, or a proxy that follows redirects: a plain client gets MOVED for each key " +
			"of another node. If it has cluster support, its map was never refreshed."
	}
	who := "Nodes disagree on a slot."
	if why != "" {
		who = "Nodes disagree: " + why + "."
	}
	return who + " Check the failover state with CLUSTER NODES on both."
}
