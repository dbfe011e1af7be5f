package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// AskWithoutAsking is RS306: a client that follows ASK without ASKING and is sent back.
func AskWithoutAsking() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS306", Name: "ask-without-asking", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a command followed an ASK redirect without ASKING directly before it",
		Params: []incident.Param{
			{Name: "follow_window", Default: "2s", Meaning: "how soon after ASK the command must come to be its follower"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s follows ASK without ASKING: %s", f.Client, incident.Counted(f.Count, "command was sent back", "commands were sent back"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "ASKING must be on the same connection, immediately before the command. A pool must not give the two to different " +
					"connections, and no other thread's command may come between them."
			}
			return analysis.Hooks{Redirect: func(e *cluster.Redirected) {
				if !e.NoAsking {
					return
				}
				o := redirectOccurrence(e, incident.Medium, pairing.Strong)
				o.Evidence = func() incident.Example {
					ex := e.Exchange
					x := redirectExample(r.Run(), e,
						fmt.Sprintf("%s had answered with ASK %d %s (frame %d), %s before this command", e.Target, e.Redirect.Slot, e.Session.Server,
							e.AskFrame, seconds(ex.Time.Sub(e.AskTime))),
						"the command before it on this connection was not ASKING")
					x.Frames = frames(append([]int64{e.AskFrame}, x.Frames...)...)
					return x
				}
				r.Add(o)
			}}
		},
	}
}
