package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// MidReplyAbandon is RS115: a command that was written when the previous reply had arrived only in part.
func MidReplyAbandon() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS115", Name: "mid-reply-abandon", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a command was written when the previous reply had arrived only in part",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS210", "RS211"}, Share: incident.SameEnds},
		},
		Step: incident.StepText{One: "1 reply was left half read", Many: "%d replies were left half read", Remedy: misreadRemedy},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "reply was", "replies were") + " abandoned half-way; the rest is parsed as the next one"
			}
			r.Remedy = func(*incident.Finding) string {
				return "A large reply was abandoned half-way; the rest will be parsed as the next reply. Close the connection when a request ends early " +
					"(phpredis: redis.pconnect.pool_detect_dirty=1, or no pconnect for large values)."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				a := first(d, desync.ByHalf)
				if a == nil {
					return
				}
				o := occurrence(d)
				o.Severity = incident.Critical
				o.Time, o.Confidence, o.Weakened, o.Count = a.Next.Time, a.Confidence, a.Weakened, d.Counts[desync.ByHalf]
				o.Evidence = func() incident.Example {
					e := handedOn(r.Run(), d, a)
					e.Facts = append(e.Facts, fmt.Sprintf("%d of the reply's %d bytes had arrived", a.Next.Ack-a.Given.Serves.Start, a.Given.Serves.Bytes()))
					e.Facts = append(e.Facts, why(d, a)...)
					return e
				}
				r.Add(unaccused(o))
			}}
		},
	}
}
