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
		Params: []analysis.Param{
			{Name: "min_samples", Default: "5", Meaning: "waits that must have been seen"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := newWaits(r)
			by := map[string]*handled{}
			r.Title = func(f *analysis.Finding) string {
				return fmt.Sprintf("%s cancelled while their replies were on the way", was(f.Count, "call"))
			}
			r.Remedy = func(f *analysis.Finding) string {
				does := "does"
				if by[f.Fingerprint].reused > 0 {
					does = "does not (RS101)"
				}
				return "Calls are cancelled from above (deadline, disconnecting user), not by the socket timeout. Safe only if the client closes the " +
					"connection: here it " + does + "."
			}
			r.Notes = func(f *analysis.Finding) []string {
				return []string{"what the clients did: " + by[f.Fingerprint].actions()}
			}
			return analysis.Hooks{Waited: w.waited, Troubled: w.exchange, Finish: func(run *analysis.Run) {
				for _, x := range w.all {
					ts := x.group.Population().Waits()
					st := run.StanceOf(x.group)
					if _, given := run.GivenTimeout(x.who.Client.Addr()); given || !ts.Cancelled || ts.N < r.Number("min_samples") ||
						st.Policy == analysis.PolicyMultiplex || st.Policy == analysis.PolicyAsync {
						continue
					}
					o := x.occurrence(run)
					o.Confidence = min(analysis.Likely, st.Confidence)
					o.Evidence = func() analysis.Example {
						e := x.example(run)
						e.Facts = append(e.Facts, fmt.Sprintf("%s of this client ended without a reply after all kinds of times: p5 %s, p50 %s, p75 %s, p95 %s, "+
							"dispersion %d %%: no timer", plural(ts.N, "wait", "waits"), ms(ts.P5), ms(ts.P50), ms(ts.P75), ms(ts.P95),
							(ts.P75-ts.P5)*100/max(ts.P50, 1)))
						return e
					}
					r.Add(o)
					if o.Confidence == analysis.Unsaid {
						continue
					}
					id := r.Fingerprint(o)
					if by[id] == nil {
						by[id] = &handled{}
					}
					by[id].add(x, run)
				}
			}}
		},
	}
}
