package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// LateReplyReuse is RS102: a reply came after its caller had given up, and the connection was used again.
func LateReplyReuse() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS102", Name: "late-reply-reuse", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a reply came after its caller had given up, and the connection was used again",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS210", "RS211"}, Share: incident.SameEnds},
			{Rules: []string{"RS401"}, Share: incident.StalledWait, Otherwise: true},
			{Rules: []string{"RS104"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{
			One:         "1 connection was used again after a reply that came too late",
			Many:        "%d connections were used again after a reply that came too late",
			Connections: true, Remedy: misreadRemedy,
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s used again after a reply had come too late to be read", was(f.Connections, "connection"))
			}
			r.Remedy = func(f *incident.Finding) string {
				return "The network looks healthy here; only the time shows it: a reply took longer than your client waits, and the connection " +
					"was kept. The reply stays in its buffer and is handed to whoever uses the connection next. Close the connection after any " +
					"timeout, cancelled call or I/O error; never return it to the pool. " + closeAdvice(f.Library) + " Until it is fixed, restart " +
					"the processes listed. Treat values cached since " + f.First.Std().Format("2006-01-02 15:04:05 MST") + " as suspect."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				a := first(d, desync.ByTimeout, desync.ByInference)
				if a == nil {
					return
				}
				o := occurrence(d)
				o.Time, o.Confidence, o.Weakened = a.Next.Time, a.Confidence, a.Weakened
				o.Count = max(d.Counts[desync.ByTimeout]+d.Counts[desync.ByInference], 1)
				o.Victims, o.Commands = d.BySaw, d.ByCommand
				o.Evidence = func() incident.Example {
					e := handedOn(r.Run(), d, a)
					e.Facts = append(e.Facts, versionFacts(d.Library)...)
					if w := &d.Wait; w.Given {
						e.Facts = append(e.Facts, "read timeout as given: "+nominal(w.T))
					} else if w.T > 0 {
						e.Facts = append(e.Facts, fmt.Sprintf("read timeout measured on %s of this client: %s; half of them ended between %s and %s",
							incident.Counted(w.N, "wait", "waits"), ms(w.T), ms(w.Low), ms(w.High)))
					}
					e.Facts = append(e.Facts, evidence(d, nil)...)
					return e
				}
				r.Add(unaccused(o))
			}}
		},
	}
}
