package analysis

import (
	"net/netip"
	"slices"
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
		MaxExamples: r.o.MaxExamples, Live: r.o.Live, Quiet: r.o.Quiet, Params: r.o.Params, Bounds: &r.bounds,
		Names: incident.Names{Server: r.o.Names.Server, Client: func(a netip.Addr) string {
			if given := r.o.Names.Client; given != nil {
				if name := given(a); name != "" {
					return name
				}
			}
			return r.clients.Name(a)
		}},
		StallBehind: func(server netip.AddrPort, from, to capture.Time) (incident.StallSpan, bool) {
			return stallBehind(r.topology, server, from, to)
		},
		Failed: func(cause any) { r.failures.add(Failure{}, cause) },
	})
}

// Rule is what incidents must know of a detector.
func (d *Detector) Rule() incident.Rule {
	return incident.Rule{ID: d.ID, Name: d.Name, Summary: d.Summary, Params: d.Params, CausedBy: d.CausedBy, Step: d.Step}
}

// Incidents joins the findings that Detect yielded, and gives each the number of its incident. Findings that were left out
// are left out of the incidents too.
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

// waitEnded notes a call that went on without a reply.
func (f *findings) waitEnded(s *Session, ex *pairing.Exchange, gap time.Duration, at capture.Time) {
	f.register.WaitEnded(incident.Wait{
		Conn: s.ID, Client: s.Client.Addr(), Server: s.Server, From: at.Add(-gap), To: at, Index: ex.Index, Frame: ex.Frame, Command: ex.CommandName(),
	})
}

// lostPlace notes a connection that lost its place, when it is over.
func (f *findings) lostPlace(d *desync.Desync, end *ConnSummary, name func(file int32) string) {
	if len(d.Abandoned)+d.StaleReads+d.NVictims > 0 {
		f.register.LostPlace(func() incident.Outcome {
			x, file := f.outcome(d)
			x.File, x.EndTime, x.End = name(file), end.Last, endings[end.End]
			if x.Open = end.End == "open"; x.Open {
				x.End = "still open when the capture ended"
			}
			return x
		})
	}
}

// endings says how connections end, by the word of their row.
var endings = map[string]string{"fin": "closed", "rst": "reset", "cut": "given up by the analysis"}

// outcome makes it, and gives the file that it was seen in.
func (f *findings) outcome(d *desync.Desync) (x incident.Outcome, file int32) {
	x = incident.Outcome{
		Conn: d.Conn, Client: d.Client, Server: d.Server, Misreads: d.NVictims,
		Victims: slices.Clone(d.Victims[:min(len(d.Victims), maxStoryVictims)]),
	}
	if len(d.Victims) > 0 {
		file = d.Victims[0].File
	}
	if n := len(x.Victims); n > 0 && d.NVictims > n && d.Last.Index > x.Victims[n-1].Index {
		x.Victims = append(x.Victims, d.Last)
	}
	switch {
	case d.StaleReads > 0 && (len(d.Abandoned) == 0 || d.Stale[0].First.Time <= d.Abandoned[0].Next.Time):
		first, second := &d.Stale[0].First, &d.Stale[0].Second
		x.Before, file = true, second.File
		if d.Prompt.Frame > 0 {
			x.Signs = append(x.Signs, d.Prompt.String())
		}
		x.Abandoned = f.abandoned(d, first, second.Time.Sub(first.EndTime))
		f.next(&x, second)
	case len(d.Abandoned) > 0:
		a := &d.Abandoned[0]
		file = a.Next.File
		x.Abandoned = f.abandoned(d, &a.Given, a.Gap)
		if a.Why == desync.ByTimeout || a.Why == desync.ByInference {
			x.Late = true
			if d.Wait.T > 0 {
				x.Abandoned.To = a.Given.EndTime.Add(d.Wait.T)
			}
		}
		f.next(&x, &a.Next)
		if a.Given.Served {
			x.ReplyTime, x.ReplyFrame = a.Given.Serves.Time, a.Given.Serves.Frame
		}
	}
	return x, file
}

// maxStoryVictims bounds the calls of one connection that a story shows, beside the last one.
const maxStoryVictims = 5

func (f *findings) abandoned(d *desync.Desync, given *pairing.Exchange, gap time.Duration) incident.Wait {
	return incident.Wait{
		Conn: d.Conn, Client: d.Client.Addr(), Server: d.Server, From: given.EndTime, To: given.EndTime.Add(gap), Index: given.Index, Frame: given.Frame,
		Command: f.called(given),
	}
}

func (f *findings) next(x *incident.Outcome, next *pairing.Exchange) {
	x.Next, x.NextIndex, x.Reused, x.ReusedFrame = f.called(next), next.Index, next.Time, next.Frame
}

// called is a command with its key.
func (f *findings) called(ex *pairing.Exchange) string {
	return strings.TrimSpace(ex.CommandName() + " " + f.Key(ex))
}
