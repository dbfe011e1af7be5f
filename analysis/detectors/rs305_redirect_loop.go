package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// What makes redirects a loop.
const (
	loopHops  = 3
	maxChains = 4096 // keys that are followed
	maxHops   = 16   // hops of one chain that are kept
)

// RedirectLoop is RS305: redirects that lead from node to node and never to data.
func RedirectLoop() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS305", Name: "redirect-loop", Severity: incident.High, Since: "0.1.0",
		Summary: "one key is redirected from node to node and never served",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS302"}, Share: incident.SameClient},
		},
		Step: incident.StepText{One: "1 redirect led in a circle", Many: "%d redirects led in a circle"},
		Params: []incident.Param{
			{Name: "loop_window", Default: "5s", Meaning: "longest time from one redirect to the next"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &loops{
				r: r, window: r.Duration("loop_window"), chains: map[keyID]*chain{},
				bound: r.EvidenceBound(maxChains, "redirected keys", "loops of further keys"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("nodes disagree on a slot: %s of %s led in a circle", incident.Counted(f.Count, "redirect", "redirects"), f.Client)
			}
			r.Remedy = func(f *incident.Finding) string {
				who := "Nodes disagree on a slot."
				if len(f.Examples) > 0 && len(f.Examples[0].Facts) > 1 {
					who = "Nodes disagree: " + f.Examples[0].Facts[1] + "."
				}
				return who + " Check the failover state with CLUSTER NODES on both."
			}
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
}

// chain is redirects of one key, each sent by the node that the one before had named.
type chain struct {
	hops []hop
	n    int
}

func (w *loops) see(e *cluster.Redirected) {
	if !e.Target.IsValid() {
		return
	}
	ex, id := e.Exchange, keyOf(e)
	now := hop{from: e.Session.Server, to: e.Target, at: ex.Serves.Time, frame: ex.Frame, reply: ex.Serves.Frame, conn: e.Session.ID, what: named(w.r.Run(), ex)}
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
		if last.to != now.from || now.at.Sub(last.at) >= w.window || ex.Time < last.at || e.LastData >= last.at {
			c.hops, c.n = c.hops[:0], 0
		}
	}
	c.hops, c.n = append(c.hops, now), c.n+1
	if len(c.hops) > maxHops {
		c.hops = append(c.hops[:0], c.hops[1:]...)
	}
	if c.n < loopHops {
		return
	}
	o := redirectOccurrence(e, incident.High, pairing.Proven)
	o.AnyServer, o.Subject, o.Count = true, fmt.Sprintf("slot %d", id.slot), 1
	if c.n == loopHops {
		o.Count, o.Time, o.Last = loopHops, c.hops[0].at, now.at
	}
	o.Evidence = func() incident.Example {
		run := w.r.Run()
		x := redirectExample(run, e)
		x.Facts[0] = fmt.Sprintf("%s was redirected %d times and got no data", now.what, c.n)
		var says []string
		x.Frames = nil
		for i := range c.hops {
			says = append(says, c.hops[i].String())
			x.Frames = append(x.Frames, frames(c.hops[i].frame, c.hops[i].reply)...)
		}
		pair := says[max(0, len(says)-2):]
		x.Facts = append(x.Facts, strings.Join(pair, ", "), "all hops: "+strings.Join(says, "; "))
		return x
	}
	w.r.Add(o)
}
