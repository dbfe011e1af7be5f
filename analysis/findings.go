package analysis

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// What a run reports to its register, and asks it for.

// newRegister makes the register of the run.
func (r *Run) newRegister() *Register {
	return NewRegister(RegisterOptions{
		MaxExamples: r.o.MaxExamples, Live: r.o.Live, Params: r.o.Params, Bounds: &r.bounds, StallBehind: r.silenceBehind,
		Failed: func(cause any) { r.failure(Failure{}, cause) },
	})
}

// rule is what the register must know of a detector.
func (d *Detector) rule() Rule {
	return Rule{ID: d.ID, Name: d.Name, Summary: d.Summary, Params: d.Params, CausedBy: d.CausedBy, Step: d.Step}
}

// Incidents joins findings by cause. Causes are those that Detect has filled in; findings that were left out are left out
// of it too.
func (r *Run) Incidents(findings []Finding) []Incident { return r.register.Incidents(findings) }

// Weakened returns the rules, in order, with an occurrence that has a gap of the capture in its window.
func (r *Run) Weakened() []string { return r.register.Weakened() }

// Filter returns a tshark display filter for the packets between two ends.
func (r *Run) Filter(client, server netip.AddrPort) string { return DisplayFilter(client, server) }

func (r *Run) silenceBehind(server netip.AddrPort, from, to capture.Time) (StallSpan, bool) {
	st := r.topology.StallBehind(server, from, to)
	if st == nil {
		return StallSpan{}, false
	}
	return StallSpan{st.Start, st.End, st.StartFrame, st.EndFrame}, true
}

// waitEnded notes a caller that went on without a reply.
func (r *Run) waitEnded(s *Session, ex *Exchange, gap time.Duration, at capture.Time) {
	r.register.WaitEnded(Wait{s.ID, s.Client.Addr(), s.Server, at.Add(-gap), at, ex.Frame, ex.CommandName()})
}

// lostPlace notes a connection that lost its place.
func (r *Run) lostPlace(d *Desync) {
	if len(d.Abandoned) > 0 {
		r.register.LostPlace(func() Outcome { return r.outcome(d) })
	}
}

func (r *Run) outcome(d *Desync) Outcome {
	a := &d.Abandoned[0]
	g, n := &a.Given, &a.Next
	x := Outcome{
		Conn: d.Conn, Client: d.Client, Server: d.Server, Rule: "RS101",
		Abandoned: Wait{d.Conn, d.Client.Addr(), d.Server, g.EndTime, g.EndTime.Add(a.Gap), g.Frame, r.called(g)},
		Next:      r.called(n), Reused: n.Time, ReusedFrame: n.Frame,
	}
	switch a.Why {
	case ByHalf:
		x.Rule = "RS115"
	case ByTimeout, ByInference:
		x.Rule, x.Late = "RS102", true
		if d.Wait.T > 0 {
			x.Abandoned.To = g.EndTime.Add(d.Wait.T)
		}
	}
	if len(d.Victims) > 0 {
		v := &d.Victims[0]
		x.MisreadTime, x.MisreadFrame = v.Time, v.Frame
		x.Misread = fmt.Sprintf("the caller of %s got %s, the reply to command %d", strings.TrimSpace(v.Command+" "+v.Key), v.Got, v.Believes)
	}
	return x
}

// called is a command with its key.
func (r *Run) called(ex *Exchange) string {
	return strings.TrimSpace(ex.CommandName() + " " + r.Key(ex))
}
