package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// SharedConnection is RS114: two independent writers use one connection of a library that waits for each reply.
func SharedConnection() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS114", Name: "shared-connection", Severity: incident.Critical, Since: "0.1.0",
		Summary: "two independent writers use one lockstep connection",
		Step: incident.StepText{
			One:         "1 connection was shared by two writers",
			Many:        "%d connections were shared by two writers",
			Connections: true,
		},
		Params: []incident.Param{
			{Name: "min_events", Default: "3", Meaning: "writes into the time of another's reply that no reader explains"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			least := r.Number("min_events")
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s used by two writers at once", was(f.Connections, "connection"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "One connection object is used by two threads or, after fork, two processes. Give each its own (reconnect in the child). " +
					"Jedis 2.9.1, 2.10.0 and 3.0.0 return a connection twice: upgrade to 2.9.2, 2.10.2 or 3.0.1."
			}
			return analysis.Hooks{Shared: func(e *desync.SharedUse) {
				if !e.AfterQuit && e.Count < least {
					return
				}
				s := e.Session
				o := incident.Occurrence{
					Client: s.Client, Server: s.Server, Conn: s.ID, Library: e.Library.Name, Policy: e.Use.Policy.String(),
					Time: e.Second.Time, Severity: incident.Critical, Confidence: e.Sure,
				}
				fact := fmt.Sprintf("%s (frame %d) was written %s after %s (frame %d), whose reply was due; the callers of this client take turns, and no reader that gave up explains it",
					e.Second.CommandName(), e.Second.Frame, ms(e.Gap), e.First.CommandName(), e.First.Frame)
				if e.AfterQuit {
					fact = fmt.Sprintf("%s (frame %d) was written %s after QUIT (frame %d), with ack %d: the answer to QUIT had arrived, and this writer did not know",
						e.Second.CommandName(), e.Second.Frame, ms(e.Gap), e.First.Frame, rel(e.Second.Ack))
				}
				o.Evidence = func() incident.Example {
					return incident.Example{
						File: r.Run().File(e.Second.File), Frames: frames(e.First.Frame, e.Second.Frame),
						Facts:  []string{fact, fmt.Sprintf("%s of this kind on the connection so far", incident.Counted(max(e.Count, 1), "write", "writes"))},
						Ladder: []incident.Step{command(r.Run(), &e.First), command(r.Run(), &e.Second)},
					}
				}
				r.Add(o)
			}}
		},
	}
}
