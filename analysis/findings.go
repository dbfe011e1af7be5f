package analysis

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// findings is what a run reports to its register, and asks it for, in the words that may be printed.
type findings struct {
	printer
	register *incident.Register
}

// printer is what rules print commands and replies with.
type printer struct{ is pairing.Printer }

// Key returns a command's first key as it may be printed.
func (p printer) Key(ex *pairing.Exchange) string { return p.is.Key(ex) }

// Describe says what a reply is without giving a value away, unless values are to be shown.
func (p printer) Describe(ex *pairing.Exchange, in *pairing.ReplyInfo) string {
	return p.is.Describe(ex, in)
}

// ShowsValues reports whether values may be printed.
func (p printer) ShowsValues() bool { return p.is.ShowValues }

// newRegister makes the register of the run.
func newRegister(r *Run) *incident.Register {
	return incident.NewRegister(incident.RegisterOptions{
		MaxExamples: r.o.MaxExamples, Live: r.o.Live, Params: r.o.Params, Bounds: &r.bounds,
		StallBehind: func(server netip.AddrPort, from, to capture.Time) (incident.StallSpan, bool) {
			return stallBehind(r.topology, server, from, to)
		},
		Failed: func(cause any) { r.failures.add(Failure{}, cause) },
	})
}

// rule is what the register must know of a detector.
func (d *Detector) rule() incident.Rule {
	return incident.Rule{ID: d.ID, Name: d.Name, Summary: d.Summary, Params: d.Params, CausedBy: d.CausedBy, Step: d.Step}
}

// Incidents joins findings by cause. Causes are those that Detect has filled in; findings that were left out are left out
// of it too.
func (f *findings) Incidents(found []incident.Finding) []incident.Incident {
	return f.register.Incidents(found)
}

// Weakened returns the rules, in order, with an occurrence that has a gap of the capture in its window.
func (f *findings) Weakened() []string { return f.register.Weakened() }

// Filter returns a tshark display filter for the packets between two ends.
func (f *findings) Filter(client, server netip.AddrPort) string {
	return incident.DisplayFilter(client, server)
}

func stallBehind(t *cluster.Topology, server netip.AddrPort, from, to capture.Time) (incident.StallSpan, bool) {
	st := t.StallBehind(server, from, to)
	if st == nil {
		return incident.StallSpan{}, false
	}
	return incident.StallSpan{Start: st.Start, End: st.End, StartFrame: st.StartFrame, EndFrame: st.EndFrame}, true
}

// waitEnded notes a caller that went on without a reply.
func (f *findings) waitEnded(s *Session, ex *pairing.Exchange, gap time.Duration, at capture.Time) {
	f.register.WaitEnded(incident.Wait{
		Conn: s.ID, Client: s.Client.Addr(), Server: s.Server, From: at.Add(-gap), To: at, Frame: ex.Frame, Command: ex.CommandName(),
	})
}

// lostPlace notes a connection that lost its place.
func (f *findings) lostPlace(d *desync.Desync) {
	if len(d.Abandoned) > 0 {
		f.register.LostPlace(func() incident.Outcome { return f.outcome(d) })
	}
}

func (f *findings) outcome(d *desync.Desync) incident.Outcome {
	a := &d.Abandoned[0]
	g, n := &a.Given, &a.Next
	x := incident.Outcome{
		Conn: d.Conn, Client: d.Client, Server: d.Server, Rule: "RS101",
		Abandoned: incident.Wait{
			Conn: d.Conn, Client: d.Client.Addr(), Server: d.Server, From: g.EndTime, To: g.EndTime.Add(a.Gap), Frame: g.Frame, Command: f.called(g),
		},
		Next: f.called(n), Reused: n.Time, ReusedFrame: n.Frame,
	}
	switch a.Why {
	case desync.ByHalf:
		x.Rule = "RS115"
	case desync.ByTimeout, desync.ByInference:
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
func (f *findings) called(ex *pairing.Exchange) string {
	return strings.TrimSpace(ex.CommandName() + " " + f.Key(ex))
}
