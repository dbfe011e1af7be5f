package detectors

import (
	"strings"

	"github.com/respsniff/respsniff/analysis"
)

// Disorder is RS905: frames further from their place in time than reordering explains, or a clock that was set.
func Disorder() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS905", Name: "disorder", Severity: analysis.Info, Since: "0.1.0",
		Summary: "frames are out of time order, or the clock of the capture was set",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			var q analysis.CaptureQuality
			r.Title = func(*analysis.Finding) string {
				var parts []string
				if n := q.Stats.Backwards; n > 0 {
					parts = append(parts, counted(n, "frame stands", "frames stand")+" more than 50 ms behind a later one")
				}
				if n := q.Stats.ClockSteps; n > 0 {
					parts = append(parts, "the clock was set by more than an hour "+counted(n, "time", "times"))
				}
				return strings.Join(parts, ", ") + "; order was taken from sequence numbers"
			}
			r.Notes = func(*analysis.Finding) []string {
				return []string{"Rules on time may be off around these frames (RS102, RS104, RS2xx, RS401, RS402); those on ACK numbers are not."}
			}
			r.Remedy = func(*analysis.Finding) string {
				return "Merge files by time (mergecap), let the host keep its clock by slewing (chronyd, ntpd -x), and capture on one interface."
			}
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				if q = run.Quality(); q.Stats.Backwards+q.Stats.ClockSteps > 0 {
					o := ofCapture(run, analysis.Info)
					o.Count = int(q.Stats.Backwards + q.Stats.ClockSteps)
					r.Add(o)
				}
			}}
		},
	}
}
