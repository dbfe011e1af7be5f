package detectors

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/resp"
)

// pongWindow is how far apart two MOVED may be that point at each other's node.
const pongWindow = 5 * time.Second

// maxPointers bounds the slots of clients whose latest redirect is remembered.
const maxPointers = 1 << 14

// MovedToSelf is RS302: a MOVED that points back to the node that sent it, or two nodes that point at each other.
func MovedToSelf() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS302", Name: "moved-to-self", Severity: analysis.High, Since: "0.1.0",
		Summary: "MOVED points back to the node that sent it, or two nodes point at each other",
		Params: []analysis.Param{
			{Name: "pong_window", Default: "5s", Meaning: "how far apart two MOVED may be that point at each other's node"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &selfMoves{r: r, last: map[keyID]hop{}}
			r.Title = func(f *analysis.Finding) string {
				return fmt.Sprintf("%s sends clients back to itself: %s", f.Server, plural(f.Count, "MOVED", "times MOVED"))
			}
			r.Remedy = func(*analysis.Finding) string {
				return "The node says that the slot is at its own address: the endpoint is a shared name or behind address translation, or the slot " +
					"map is in the middle of a failover. Reconnect and resolve the name again; do not retry on the same connection."
			}
			return analysis.Hooks{Redirect: w.see}
		},
	}
}

// selfMoves looks for redirects that lead nowhere.
type selfMoves struct {
	r    *analysis.Reporter
	last map[keyID]hop // the latest MOVED of each client and slot
}

func (w *selfMoves) see(e *analysis.Redirected) {
	if e.Redirect.Kind != resp.Moved || !e.Target.IsValid() || e.How == analysis.Placeholder {
		return
	}
	s, info := e.Session, &e.Exchange.Serves
	if e.Target == s.Server {
		w.report(e, ownAddress(e), nil)
		return
	}
	id := keyID{client: s.Client.Addr(), slot: e.Redirect.Slot}
	now := hop{from: s.Server, to: e.Target, at: info.Time, frame: e.Exchange.Frame, reply: info.Frame}
	// A slot that was used at the other node in between has moved back. ASKING belongs to a slot on its way.
	if p, ok := w.last[id]; ok && p.from == now.to && p.to == now.from && now.at.Sub(p.at) < pongWindow && e.LastData < p.at && !e.NoAsking {
		w.report(e, fmt.Sprintf("%s, and %s, with no data for the slot in between", &p, &now), &p)
	}
	if len(w.last) >= maxPointers {
		clear(w.last)
	}
	w.last[id] = now
}

// ownAddress says how the target is the node itself.
func ownAddress(e *analysis.Redirected) string {
	switch e.How {
	case analysis.SameHost:
		return "the host is empty, which means the same host, and the port is its own"
	case analysis.ByName:
		return fmt.Sprintf("the name %s:%d stands for %s in this capture", hostText(&e.Redirect), e.Redirect.Port, e.Target)
	}
	return "address and port are its own"
}

func (w *selfMoves) report(e *analysis.Redirected, how string, other *hop) {
	run := w.r.Run()
	level := analysis.Proven
	if e.How == analysis.ByName {
		level = analysis.Strong // a name may stand for several addresses
	}
	o := redirectOccurrence(e, analysis.High, level)
	o.Evidence = func() analysis.Example {
		x := redirectExample(run, e, how)
		if other != nil {
			x.Frames = frames(append([]int64{other.reply}, x.Frames...)...)
		}
		return x
	}
	w.r.Add(o)
}
