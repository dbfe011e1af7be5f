package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// PushInsideReply is RS403: a push that the server wrote between the elements of another reply.
func PushInsideReply() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS403", Name: "push-inside-reply", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server wrote a push between the elements of a reply",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "push stands", "pushes stand") + " between the elements of another reply"
			}
			r.Remedy = func(*incident.Finding) string {
				return "A fault of servers before Redis 7.2 (redis#12326): PUBLISH to a channel that the same RESP3 connection listens to, inside MULTI. " +
					"A client that takes the push for an element reads every later reply wrong. Use a separate connection for subscriptions, or upgrade."
			}
			return analysis.Hooks{Oddity: func(o *pairing.Oddity) {
				if o.What != pairing.PushInReply {
					return
				}
				conf, weak := certain(analysis.SessionOf(o.Session))
				run := r.Run()
				at, start, end, kind, n := o.Reply.PushAt, o.Info.Start, o.Info.End, o.Reply.Kind, o.Reply.N
				r.Add(ofSession(analysis.SessionOf(o.Session), incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(o.Frame), Facts: []string{
							fmt.Sprintf("a push begins at seq %d, inside the %s of %d elements at seq [%d,%d) (frame %d)", rel(at), kind, n, rel(start), rel(end), o.Frame),
							"RESP3 allows pushes between replies only (RESP3 specification, \"Push type\")",
						}}
					},
				}))
			}}
		},
	}
}
