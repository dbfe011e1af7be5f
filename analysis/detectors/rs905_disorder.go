package detectors

import (
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
)

// Disorder is RS905: frames further from their place in time than reordering accounts for, or a clock that was set.
func Disorder() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS905", Name: "disorder", Severity: incident.Info, Since: "0.1.0",
		Summary: "frames are out of time order, or the clock of the capture was set",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			sums := incident.Keep(r.Collector, incident.Texts[disorder]{
				Title: func(_ *incident.Finding, d *disorder) string {
					var parts []string
					if d.backwards > 0 {
						parts = append(parts, counted(d.backwards, "frame stands", "frames stand")+" more than 50 ms behind a later one")
					}
					if d.clockSteps > 0 {
						parts = append(parts, "the clock was set by more than an hour "+counted(d.clockSteps, "time", "times"))
					}
					return strings.Join(parts, ", ") + "; order was taken from sequence numbers"
				},
				Notes: func(*incident.Finding, *disorder) []string {
					return []string{"Rules on time may be off around these frames (RS102, RS104, RS2xx, RS401, RS402); those on ACK numbers are not."}
				},
				Remedy: func(*incident.Finding, *disorder) string {
					return "Merge files by time (mergecap), let the host keep its clock by slewing (chronyd, ntpd -x), and capture on one interface."
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				if s := run.Quality().Stats; s.Backwards+s.ClockSteps > 0 {
					o := ofCapture(run, incident.Info)
					o.Count = int(s.Backwards + s.ClockSteps)
					d := sums.Add(o)
					d.backwards, d.clockSteps = d.backwards+s.Backwards, d.clockSteps+s.ClockSteps
				}
			}}
		},
	}
}

// disorder counts frames.
type disorder struct{ backwards, clockSteps int64 }
