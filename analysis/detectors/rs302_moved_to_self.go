package detectors

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// maxPointers bounds the slots of clients whose latest redirect is remembered.
const maxPointers = 1 << 14

// MovedToSelf is RS302: a MOVED that points back to the node that sent it, or two nodes that point at each other.
func MovedToSelf() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS302", Name: "moved-to-self", Severity: incident.High, Since: "0.1.0",
		Summary: "MOVED points back to the node that sent it, or two nodes point at each other",
		Step:    incident.StepText{One: "1 redirect pointed back to its node", Many: "%d redirects pointed back to their nodes"},
		Params: []incident.Param{
			{Name: "pong_window", Default: "5s", Meaning: "how far apart two MOVED may be that point at each other's node"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &selfMoves{
				r: r, window: r.Duration("pong_window"), last: map[keyID]hop{},
				slots:  r.EvidenceBound(maxPointers, "redirected slots of clients", "nodes that point at each other for further slots"),
				atOnce: r.EvidenceBound(maxPointers, "redirects back and forth", "further redirects back and forth"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s sends clients back to itself: %s", f.Server, incident.Counted(f.Count, "MOVED", "times MOVED"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "The node gives its own address for the slot: the endpoint is a shared name or behind address translation, or the slot " +
					"map is in the middle of a failover. Reconnect and resolve the name again; do not retry on the same connection."
			}
			return analysis.Hooks{Redirect: w.see, Finish: w.finish}
		},
	}
}

// selfMoves looks for redirects that lead nowhere.
type selfMoves struct {
	r             *analysis.Reporter
	window        time.Duration // how far apart two MOVED may be that point at each other's node
	last          map[keyID]hop // the latest MOVED of each client and slot
	pongs         []pong        // what is reported at the end, at most maxPointers
	slots, atOnce *bound.Bound  // of last and of pongs
	from          capture.Time  // when the first redirect was understood: what nodes serve is known from then on
}

func (w *selfMoves) see(e *cluster.Redirected) {
	if e.Redirect.Kind != resp.Moved || !e.Target.IsValid() || e.How == cluster.Placeholder {
		return
	}
	s, info := e.Session, &e.Exchange.Serves
	if w.from == 0 {
		w.from = w.r.Run().Summary().Last
	}
	if e.Target == s.Server {
		w.report(e, ownAddress(e), nil)
		return
	}
	id := keyID{client: s.Client.Addr(), slot: e.Redirect.Slot}
	now := hop{from: s.Server, to: e.Target, at: info.Time, frame: e.Exchange.Frame, reply: info.Frame}
	// A slot that was used at the other node in between has moved back. ASKING belongs to a slot on its way.
	if p, ok := w.last[id]; ok && p.from == now.to && p.to == now.from && p.at < now.at && now.at.Sub(p.at) < w.window && e.LastData < p.at && !e.NoAsking {
		w.report(e, fmt.Sprintf("%s, and %s, with no data for the slot in between", &p, &now), &p)
	}
	if _, known := w.last[id]; !known && !w.slots.Admits(len(w.last)) {
		clear(w.last) // those of now are worth more
	}
	w.last[id] = now
}

// ownAddress says how the target is the node itself.
func ownAddress(e *cluster.Redirected) string {
	switch e.How {
	case cluster.SameHost:
		return "the host is empty, which means the same host, and the port is its own"
	case cluster.ByName:
		return fmt.Sprintf("the name %s:%d stands for %s in this capture", hostText(&e.Redirect), e.Redirect.Port, e.Target)
	}
	return "address and port are its own"
}

func (w *selfMoves) report(e *cluster.Redirected, how string, other *hop) {
	run := w.r.Run()
	level := pairing.Proven
	if e.How == cluster.ByName {
		level = pairing.Strong // a name may stand for several addresses
	}
	o := redirectOccurrence(e, incident.High, level)
	if other == nil {
		o.Evidence = func() incident.Example { return redirectExample(run, e, how) }
		w.r.Add(o)
		return
	}
	if !w.atOnce.Admits(len(w.pongs)) {
		return
	}
	x := redirectExample(run, e, how)
	x.Frames = frames(append([]int64{other.reply}, x.Frames...)...)
	o.Evidence = func() incident.Example { return x }
	w.pongs = append(w.pongs, pong{o, e.Target, e.Redirect.Slot, other.at})
}

// pong is a MOVED back to the node that had pointed here.
type pong struct {
	o     incident.Occurrence
	other netip.AddrPort
	slot  uint16
	since capture.Time // when the other node had pointed here
}

// between reports whether a node served the slot between the two, as replies showed that were understood only later.
func (p *pong) between(t *cluster.Topology, server netip.AddrPort) bool {
	at, ok := t.Served(server, p.slot)
	return ok && at >= p.since && at <= p.o.Time
}

// finish reports nodes that point at each other: whether the slot was in use between the two may be among what was lost.
func (w *selfMoves) finish(r *analysis.Run) {
	t := r.Topology()
	for i := range w.pongs {
		p := &w.pongs[i]
		o := &p.o
		if p.between(t, o.Server) || p.between(t, p.other) {
			continue
		}
		if t.Lossy(o.Server) || t.Lossy(p.other) || !t.FollowsSlots(o.Server) || !t.FollowsSlots(p.other) || p.since < w.from {
			o.Weakened, o.Confidence = true, min(o.Confidence, pairing.Likely)
		}
		w.r.Add(*o)
	}
}
