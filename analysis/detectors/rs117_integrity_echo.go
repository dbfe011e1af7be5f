package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// IntegrityEcho is RS117: a client's own consistency check failed. The token that it had the server repeat came back
// changed.
func IntegrityEcho() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS117", Name: "integrity-echo", Severity: incident.Critical, Since: "0.1.0",
		Summary: "an ECHO got another text back than it sent",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS103"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{One: "1 consistency check of the client failed", Many: "%d consistency checks of the client failed"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &echoes{
				r: r, open: map[int64]*echo{},
				bound: r.EvidenceBound(maxEchoes, "open connections with a changed token", "changed tokens on further connections"),
			}
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "ECHO", "ECHOs") + " got another text back than it sent"
			}
			r.Remedy = func(*incident.Finding) string {
				return "Your client checks its connections and noticed the desync itself. The cause is above in this capture, or inside the process " +
					"(StackExchange.Redis before 2.13.17 under memory pressure: upgrade to 3.0 or later)."
			}
			return analysis.Hooks{Odd: w.odd, Control: w.control, Ended: w.ended, Finish: w.finish}
		},
	}
}

// maxEchoes bounds the connections whose end is waited for to see what the client made of a wrong token.
const maxEchoes = 256

// echoes waits, after a wrong token, for the client's close.
type echoes struct {
	r     *analysis.Reporter
	open  map[int64]*echo
	bound *bound.Bound // of open
	order []int64
}

type echo struct {
	o     incident.Occurrence
	facts []string
	ex    pairing.Exchange
}

func (w *echoes) odd(a *analysis.Answered) {
	name := a.Exchange.CommandName()
	if !a.Foreign || name != "ECHO" && name != "PING" || w.open[a.Session.ID] != nil || !w.bound.Admits(len(w.open)) {
		return
	}
	run := w.r.Run()
	conf, weak := certain(a.Session)
	e := &echo{ex: *a.Exchange, facts: []string{
		fmt.Sprintf("%s got %s back (frame %d): %s", cited(run, a.Exchange), run.Describe(a.Exchange, &a.Exchange.Serves), a.Exchange.Serves.Frame, a.Contradiction),
		wireFact(&a.Exchange.Serves),
		"no other pairing of the replies fits: the text itself is wrong",
	}}
	e.ex.Session = nil
	e.o = ofSession(a.Session, incident.Occurrence{Time: a.Exchange.Serves.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak})
	w.open[a.Session.ID] = e
	w.order = append(w.order, a.Session.ID)
}

// control sees the client close right after the wrong token.
func (w *echoes) control(c *analysis.Control) {
	if len(w.open) == 0 || !c.FromClient {
		return
	}
	e := w.open[c.Session.ID]
	if e == nil || len(e.facts) > 3 {
		return
	}
	if d := c.Segment.Time.Sub(e.ex.Serves.Time); d >= 0 {
		e.facts = append(e.facts, fmt.Sprintf("the client closed %s later (frame %d): it had noticed", seconds(d), c.Segment.Frame))
	}
}

func (w *echoes) ended(e *analysis.Ended) {
	if len(w.open) > 0 {
		w.report(e.Session.ID)
	}
}

func (w *echoes) finish(*analysis.Run) {
	for _, id := range w.order {
		w.report(id)
	}
}

func (w *echoes) report(id int64) {
	e := w.open[id]
	if e == nil {
		return
	}
	delete(w.open, id)
	run := w.r.Run()
	e.o.Evidence = func() incident.Example {
		return incident.Example{File: run.File(e.ex.File), Frames: frames(e.ex.Frame, e.ex.Serves.Frame), Facts: e.facts}
	}
	w.r.Add(e.o)
}
