package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// ShortExec is RS408: an aggregate of which the server wrote fewer elements than it announced.
func ShortExec() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS408", Name: "short-exec", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server announced more elements than it wrote",
		Step:    incident.StepText{One: "1 EXEC was short", Many: "%d EXECs were short"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "array is", "arrays are") + " shorter than announced; the replies to later commands fill it up"
			}
			r.Remedy = func(*incident.Finding) string {
				return "CLIENT REPLY OFF or SKIP, or a failing AUTH, inside MULTI: the server counts their replies and does not write them. Never use them " +
					"in a transaction. Close the connection: its client takes the next replies for elements of the array."
			}
			return analysis.Hooks{Oddity: func(o *pairing.Oddity) {
				if o.What != pairing.ShortReply || o.Exchange == nil {
					return
				}
				conf, weak := certain(analysis.SessionOf(o.Session))
				run, ex, in := r.Run(), o.Exchange, *o.Info
				first := fmt.Sprintf("the array that answers %s: %s (frame %d, seq [%d,%d))", cited(run, ex), o.Text, in.Frame, rel(in.Start), rel(in.End))
				second := "the element is the reply to a command behind EXEC: an earlier element was not written"
				if o.Gap > 0 {
					second = fmt.Sprintf("there the server stopped for %s, with all its bytes delivered and room for more", seconds(o.Gap))
				} else if conf > pairing.Strong {
					conf = pairing.Strong
				}
				r.Add(ofSession(analysis.SessionOf(o.Session), incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(ex.Frame, o.Frame), Facts: []string{first, second}}
					},
				}))
			}}
		},
	}
}
