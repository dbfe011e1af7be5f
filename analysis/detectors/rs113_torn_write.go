package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// TornWrite is RS113: a command that was cut off in mid-write, with another one written behind it.
func TornWrite() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS113", Name: "torn-write", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a command was cut off and another one written behind it",
		Step:    incident.StepText{One: "1 write was torn", Many: "%d writes were torn"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "command was", "commands were") + " cut off in mid-write and followed by another; the server takes that for data"
			}
			r.Remedy = func(*incident.Finding) string {
				return "A write was interrupted and the connection used again. Close it after any write error, and set write timeouts that close."
			}
			return analysis.Hooks{Oddity: func(o *pairing.Oddity) {
				if o.What != pairing.TornWrite {
					return
				}
				run := r.Run()
				conf := pairing.Strong
				end := "the first command never came to its end: what looks like the second one is taken for its data"
				if o.Refused {
					conf, end = pairing.Proven, "the server answered with a protocol error"
				}
				r.Add(ofSession(analysis.SessionOf(o.Session), incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(o.Frame), Facts: []string{
							fmt.Sprintf("a new command begins at seq %d (frame %d), where bytes of the command that began at seq %d are due",
								rel(o.Offset), o.Frame, rel(o.From)),
							fmt.Sprintf("%s bytes of that one had been sent, then nothing for %s", fmt.Sprint(o.Offset-o.From), seconds(o.Gap)),
							"no byte is missing from the capture, and none was cut off by it", end,
						}}
					},
				}))
			}}
		},
	}
}
