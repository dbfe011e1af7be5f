package detectors

import (
	"fmt"
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// PolicyUnknown is RS908: a client wrote on before a reply, and nothing says whether it is meant to.
func PolicyUnknown() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS908", Name: "policy-unknown", Severity: incident.Info, Since: "0.1.0",
		Summary: "it is not known whether a client is supposed to pipeline",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("cannot tell whether %s is supposed to pipeline: %s it wrote on before a reply", f.Client, counted(int64(f.Count), "time", "times"))
			}
			r.Notes = func(f *incident.Finding) []string {
				return []string{fmt.Sprintf("Give --policy %s=lockstep or %s=multiplex to decide; until then RS101 to RS104 are possible at most.", f.Client, f.Client)}
			}
			r.Remedy = func(*incident.Finding) string {
				return "Say what the client does with --policy, or capture its handshake, in which many libraries name themselves, and more of its traffic."
			}
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, u := range run.Unjudged() {
					r.Add(unjudged(run, u))
				}
			}}
		},
	}
}

func unjudged(run *analysis.Run, u *desync.Unjudged) incident.Occurrence {
	return incident.Occurrence{
		Client: netip.AddrPortFrom(u.Client, u.ClientPort), Server: u.Server, AnyServer: true, Conn: u.Conn, Time: u.First, Last: u.Last,
		Count: u.Times, Severity: incident.Info, Confidence: pairing.Proven, Policy: client.PolicyUnknown.String(),
		Evidence: func() incident.Example {
			return incident.Example{
				File: run.File(u.File), Frames: frames(u.Given, u.Next),
				Facts: []string{
					fmt.Sprintf("%s (frame %d) had no reply when, %s later, the next command was written (frame %d)", u.Command, u.Given, seconds(u.Gap), u.Next),
					fmt.Sprintf("only %s of this client: a library's name, a read timeout or more traffic would decide", counted(int64(u.Sends), "clean send", "clean sends")),
				},
			}
		},
	}
}
