package detectors

import (
	"fmt"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
)

// CancelledRequest is RS211: calls that were given up after all kinds of times, so by their callers and no timer.
func CancelledRequest() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS211", Name: "cancelled-request", Severity: incident.Medium, Since: "0.1.0",
		Summary: "calls were cancelled while their reply was on the way",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS401"}, Share: incident.StalledWait},
		},
		Step: incident.StepText{One: "1 call was cancelled", Many: "%d calls were cancelled"},
		Params: []incident.Param{
			{Name: "min_samples", Default: "5", Meaning: "waits that must have been seen"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := newWaits(r)
			groups := incident.Keep(r.Collector, incident.Texts[handled]{
				Title: func(f *incident.Finding, _ *handled) string {
					return fmt.Sprintf("%s cancelled while their replies were on the way", was(f.Count, "call"))
				},
				Remedy: func(_ *incident.Finding, h *handled) string {
					text := "Calls are cancelled from above (deadline, disconnecting user), not by the socket timeout. Safe only if the client closes the " +
						"connection, or throws the late reply away: here it "
					switch {
					case h.unsafe > 0:
						return text + "does not (RS101)."
					case h.reused > 0:
						return text + "used connections again, and what it did with the late replies cannot be told."
					}
					return text + "does."
				},
				Notes: func(_ *incident.Finding, h *handled) []string { return h.notes() },
			})
			return analysis.Hooks{Waited: w.waited, Finish: func(run *analysis.Run) {
				for _, x := range w.all {
					h := run.Habits(x.pop)
					if _, given := run.GivenTimeout(x.client.Addr()); given || h == nil || x.doubtful() || !cancelled(h, x.gap, r.Number("min_samples")) ||
						x.together(run) {
						continue
					}
					o := x.occurrence(run)
					o.Confidence = min(pairing.Likely, x.sure)
					o.Evidence = x.evidence(run, func() string { return spread(h) })
					groups.Add(o).add(x, run)
				}
			}}
		},
	}
}

// spread says that the waits of a client ended after all kinds of times.
func spread(h *reader.Habits) string {
	var p [len(h.Lengths)]time.Duration
	for i, x := range h.Lengths {
		p[i] = time.Duration(x * float64(time.Second))
	}
	return fmt.Sprintf("%s of this client ended without a reply after all kinds of times: p5 %s, p25 %s, p50 %s, p75 %s, p95 %s: no timer",
		incident.Counted(h.Seen, "wait", "waits"), ms(p[0]), ms(p[1]), ms(p[2]), ms(p[3]), ms(p[4]))
}

// cancelled reports whether a wait was ended by no timer, as at least so many of its client were.
func cancelled(h *reader.Habits, gap time.Duration, least int) bool {
	if h.Cancels() {
		return h.Seen >= least
	}
	return len(h.Timeouts) > 0 && h.Early >= least && !slices.ContainsFunc(h.Timeouts, func(t reader.Timeout) bool { return gap.Seconds() >= t.From })
}
