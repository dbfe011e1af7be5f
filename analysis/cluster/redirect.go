package cluster

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// Redirected is a MOVED or ASK that may be about the command that it answers. One that cannot be, by its slot,
// comes as an Answered with a contradiction instead.
type Redirected struct {
	Session  *pairing.Session
	Exchange *pairing.Exchange
	Redirect resp.Redirect  // Host is borrowed
	Target   netip.AddrPort // where it points; invalid if Unresolved
	How      Resolution
	// LastData is when the client last got data for the slot, 0 if that is not known.
	LastData capture.Time
	// Elsewhere is when the client last sent the slot to another node; what it did with it before Since is not known.
	Elsewhere, Since capture.Time
	// Chart is the latest slot map that the client got; nil: none in this capture. SeveralNodes says that the capture has
	// its commands to more than one node.
	Chart        *ClusterMap
	SeveralNodes bool
	// KnewOwner says that the client had just asked the target by itself: this is no stale map, but a retry elsewhere.
	KnewOwner bool
	// AfterAsking says that ASKING stood directly before the command.
	AfterAsking bool
	// NoAsking says that an ASK had sent the client here, that it came without ASKING, and that this MOVED sends it back
	// to the node that had sent the ASK (frame AskFrame at AskTime).
	NoAsking bool
	AskFrame int64
	AskTime  capture.Time
}

func (*Redirected) Event() {}

// Certain reports whether the redirect is certainly the reply to its command.
func (e *Redirected) Certain() bool {
	return e.Exchange.Flags&(pairing.Uncertain|pairing.AfterHole) == 0
}

// redirected understands a redirect and emits it.
func (c *NodeConn) redirected(ex *pairing.Exchange, rd resp.Redirect) {
	t, s := c.topology, c.conn
	t.active = true
	v := c.ofClient()
	target, how, name := t.names.resolve(s.Server, &rd)
	if how == Unresolved {
		t.names.ask(s.Client.Addr(), name, rd.Port, ex.Serves.Time)
	}
	e := &t.event
	*e = Redirected{Session: s, Exchange: ex, Redirect: rd, Target: target, How: how, AfterAsking: c.afterAsking(ex)}
	if v != nil {
		t.redirect(v, c.node, e)
	}
	if t.o.Emit != nil {
		t.o.Emit(e)
	}
}

// redirect notes a redirect in how its client sees the cluster, and completes the event by what that shows.
func (t *Topology) redirect(v *clusterView, from *node, e *Redirected) {
	at := e.Exchange.Serves.Time
	u := v.use(e.Redirect.Slot, at)
	var to *node
	if e.Target.IsValid() {
		to = t.nodeOf(e.Target)
	}
	e.LastData, e.Elsewhere, e.Since = u.data, u.prev.at, u.since
	e.Chart, e.SeveralNodes = v.chart, v.others
	if p := u.prev; to != nil && p.node == to && !p.follow && at.Sub(p.at) < knewWithin {
		e.KnewOwner = true
	}
	if e.Redirect.Kind == resp.Ask {
		u.ask, u.asked, u.askFrame, u.askTime, u.credit = to, from, e.Exchange.Serves.Frame, at, to
		return
	}
	if u.ask != nil && u.ask == from && u.asked == to && !e.AfterAsking {
		if d := at.Sub(u.askTime); d >= 0 && d < t.o.AskFollow {
			e.NoAsking, e.AskFrame, e.AskTime = true, u.askFrame, u.askTime
		}
		u.ask = nil
	}
	t.storms.addMoved(v, e)
	u.owner, u.credit = to, to
}
