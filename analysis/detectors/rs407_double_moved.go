package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// DoubleMoved is RS407: a blocked command that was answered twice with the same error.
func DoubleMoved() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS407", Name: "double-moved", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a blocked command was answered twice with the same error",
		Step:    incident.StepText{One: "1 command got two redirects", Many: "%d commands got two redirects"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "blocked command was", "blocked commands were") + " answered twice with the same error"
			}
			r.Remedy = func(*incident.Finding) string {
				return "The server answers a blocked client twice when its slot moves: Valkey 9.0 release candidates do (valkey#2329, #2676, #2734). " +
					"Upgrade. The second error is read by the next caller on the connection; close it."
			}
			return analysis.Hooks{Oddity: func(o *pairing.Oddity) {
				if o.What != pairing.Unsolicited || !doubleRedirect(o) {
					return
				}
				conf, weak := certain(analysis.SessionOf(o.Session))
				if !weak {
					conf = max(conf, pairing.Strong) // two equal errors for one command leave little else
				}
				run := r.Run()
				ex, in := o.Exchange, *o.Info
				r.Add(ofSession(analysis.SessionOf(o.Session), incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(ex.Frame, ex.Serves.Frame, o.Frame), Facts: []string{
							fmt.Sprintf("%s, blocked for %s, was answered with %s (frame %d)", cited(run, ex), seconds(ex.Serves.FirstTime.Sub(ex.EndTime)),
								run.Describe(ex, &ex.Serves), ex.Serves.Frame),
							fmt.Sprintf("the same error came again (frame %d), and no command was waiting for it", o.Frame),
							wireFact(&in),
						}}
					},
				}))
			}}
		},
	}
}
