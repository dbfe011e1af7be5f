package analysis

import (
	"net/netip"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// Redirected tells of a MOVED or ASK that may be about the command that it answers. One that cannot be, by its slot,
// comes as an Answered with a contradiction instead.
type Redirected struct {
	Session  *Session
	Exchange *Exchange
	Redirect resp.Redirect  // Host is borrowed
	Target   netip.AddrPort // where it points; invalid if Unresolved
	How      Resolution
	// LastData is when the client last got data for the slot, 0 if that is not known.
	LastData capture.Time
	// KnewOwner says that the client had just asked the target by itself: this is no stale map, but a retry elsewhere.
	KnewOwner bool
	// AfterAsking says that ASKING stood directly before the command.
	AfterAsking bool
	// NoAsking says that an ASK had sent the client here, that it came without ASKING, and that this MOVED sends it back
	// to the node that had said ASK (frame AskFrame at AskTime).
	NoAsking bool
	AskFrame int64
	AskTime  capture.Time
}

func (*Redirected) Event() {}

// Certain reports whether the redirect is certainly the reply to its command.
func (e *Redirected) Certain() bool { return e.Exchange.Flags&(Uncertain|AfterHole) == 0 }

// redirected understands a redirect and emits it.
func (r *Run) redirected(s *Session, ex *Exchange, rd resp.Redirect) {
	t, st := &r.topology, &s.topo
	t.active = true
	if st.view == nil {
		st.view = t.viewOf(s.Client.Addr())
	}
	target, how, name := t.resolve(s.Server, &rd)
	if how == Unresolved {
		t.askName(s.Client.Addr(), name, rd.Port, ex.Serves.Time)
	}
	e := &t.event
	*e = Redirected{Session: s, Exchange: ex, Redirect: rd, Target: target, How: how,
		AfterAsking: st.asking > 0 && st.asking == ex.Index-1}
	if st.view != nil {
		st.view.redirect(r, e)
	}
	r.emit(e)
}
