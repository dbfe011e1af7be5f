package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
)

// CancelledRequest is RS211: calls that were given up after all kinds of times, so by their callers and no timer.
func CancelledRequest() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS211", Name: "cancelled-request", Severity: analysis.Medium, Since: "0.1.0",
		Summary: "calls were cancelled while their reply was on the way",
		CausedBy: []analysis.Cause{
			{Rules: []string{"RS401"}, Share: analysis.StalledWait},
		},
		Step: analysis.StepText{One: "1 call was cancelled", Many: "%d calls were cancelled", Shows: analysis.ShowsWait},
		Params: []analysis.Param{
			{Name: "min_samples", Default: "5", Meaning: "waits that must have been seen"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := newWaits(r)
			groups := analysis.Keep(r.Collector, analysis.Texts[handled]{
				Title: func(f *analysis.Finding, _ *handled) string {
					return fmt.Sprintf("%s cancelled while their replies were on the way", was(f.Count, "call"))
				},
				Remedy: func(_ *analysis.Finding, h *handled) string {
					does := "does"
					if h.reused > 0 {
						does = "does not (RS101)"
					}
					return "Calls are cancelled from above (deadline, disconnecting user), not by the socket timeout. Safe only if the client closes the " +
						"connection: here it " + does + "."
				},
				Notes: func(_ *analysis.Finding, h *handled) []string { return h.notes() },
			})
			return analysis.Hooks{Waited: w.waited, Troubled: w.exchange, Finish: func(run *analysis.Run) {
				for _, x := range w.all {
					ts := x.group.Population().Waits()
					st := run.StanceOf(x.group)
					if _, given := run.GivenTimeout(x.client.Addr()); given || !ts.Cancelled || ts.N < r.Number("min_samples") ||
						st.Policy == analysis.PolicyMultiplex || st.Policy == analysis.PolicyAsync {
						continue
					}
					o := x.occurrence(run)
					o.Confidence = min(analysis.Likely, st.Confidence)
					o.Evidence = x.evidence(run, func() string {
						return fmt.Sprintf("%s of this client ended without a reply after all kinds of times: p5 %s, p50 %s, p75 %s, p95 %s, "+
							"dispersion %d %%: no timer", plural(ts.N, "wait", "waits"), ms(ts.P5), ms(ts.P50), ms(ts.P75), ms(ts.P95),
							(ts.P75-ts.P5)*100/max(ts.P50, 1))
					})
					groups.Add(o).add(x, run)
				}
			}}
		},
	}
}
