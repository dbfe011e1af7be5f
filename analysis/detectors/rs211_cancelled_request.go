package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
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
					does := "does"
					if h.reused > 0 {
						does = "does not (RS101)"
					}
					return "Calls are cancelled from above (deadline, disconnecting user), not by the socket timeout. Safe only if the client closes the " +
						"connection: here it " + does + "."
				},
				Notes: func(_ *incident.Finding, h *handled) []string { return h.notes() },
			})
			return analysis.Hooks{Waited: w.waited, Troubled: w.exchange, Finish: func(run *analysis.Run) {
				for _, x := range w.all {
					ts := x.group.Population().Waits()
					st := run.StanceOf(x.group)
					if _, given := run.GivenTimeout(x.client.Addr()); given || !ts.Cancelled || ts.N < r.Number("min_samples") ||
						st.Policy == client.PolicyMultiplex || st.Policy == client.PolicyAsync {
						continue
					}
					o := x.occurrence(run)
					o.Confidence = min(pairing.Likely, st.Confidence)
					o.Evidence = x.evidence(run, func() string {
						return fmt.Sprintf("%s of this client ended without a reply after all kinds of times: p5 %s, p50 %s, p75 %s, p95 %s, "+
							"dispersion %d %%: no timer", incident.Counted(ts.N, "wait", "waits"), ms(ts.P5), ms(ts.P50), ms(ts.P75), ms(ts.P95),
							(ts.P75-ts.P5)*100/max(ts.P50, 1))
					})
					groups.Add(o).add(x, run)
				}
			}}
		},
	}
}
