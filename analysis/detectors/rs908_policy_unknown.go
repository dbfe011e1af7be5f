package detectors

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// undecided is what the texts of RS908 say of a client.
type undecided struct {
	overlaps, late    int
	shortest, longest time.Duration
}

func (x *undecided) add(u *desync.Undecided) {
	x.overlaps += u.Overlaps.Times
	if u.Late.Times > 0 {
		if x.late == 0 || u.Shortest < x.shortest {
			x.shortest = u.Shortest
		}
		x.late += u.Late.Times
		x.longest = max(x.longest, u.Longest)
	}
}

// PolicyUnknown is RS908: a client wrote on before a reply, or after one that came late, and nothing says what its callers do.
func PolicyUnknown() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS908", Name: "policy-unknown", Severity: incident.Info, Since: "0.1.0",
		Summary: "it is not known whether a client is supposed to pipeline, or how long it waits",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			groups := incident.Keep(r.Collector, incident.Texts[undecided]{
				Title: func(f *incident.Finding, u *undecided) string {
					if u.overlaps == 0 {
						return fmt.Sprintf("cannot tell whether %s of %s still waited when the reply came", counted(int64(u.late), "caller", "callers"), f.Client)
					}
					return fmt.Sprintf("cannot tell whether %s is supposed to pipeline: %s it wrote on before a reply", f.Client,
						counted(int64(u.overlaps), "time", "times"))
				},
				Notes: func(f *incident.Finding, u *undecided) []string { return wouldDecide(f.Client, u) },
				Remedy: func(*incident.Finding, *undecided) string {
					return "Say what the client does with --policy and --read-timeout, or capture its handshake, in which many libraries name " +
						"themselves, and more of its traffic."
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, u := range run.Undecided() {
					if u.Overlaps.Times+u.Late.Times == 0 {
						continue
					}
					x := groups.Add(unjudged(run, u))
					x.add(u)
				}
			}}
		},
	}
}

// wouldDecide names the flags that would tell what a client's callers got, and what they would find.
func wouldDecide(who netip.Addr, u *undecided) (notes []string) {
	if u.overlaps > 0 {
		notes = append(notes, fmt.Sprintf("Give --policy %s=lockstep or %s=multiplex to decide; until then RS101 to RS104 are possible at most.", who, who))
	}
	if u.late > 0 {
		span := "after " + seconds(u.longest)
		if u.longest > u.shortest {
			span = fmt.Sprintf("%s to %s later", seconds(u.shortest), seconds(u.longest))
		}
		notes = append(notes, fmt.Sprintf("Give --read-timeout %s=%s, or what it is set to: %s came %s, and where that is longer than the client waits, "+
			"the next callers on the connection got them.", who, analysis.Below(u.longest), incident.Counted(u.late, "reply", "replies"), span))
	}
	return notes
}

func unjudged(run *analysis.Run, u *desync.Undecided) incident.Occurrence {
	return incident.Occurrence{
		Client: netip.AddrPortFrom(u.Client, u.ClientPort), Server: u.Server, AnyServer: true, Conn: u.Conn, Time: u.First, Last: u.Last,
		Count: u.Overlaps.Times + u.Late.Times, Severity: incident.Info, Confidence: pairing.Proven, Policy: client.PolicyUnknown.String(),
		Evidence: func() incident.Example {
			e := incident.Example{File: run.File(u.File)}
			if d := &u.Overlaps; d.Times > 0 {
				e.Frames = frames(d.Frame, d.Next)
				e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) had no reply when, %s later, the next command was written (frame %d)",
					d.Command, d.Frame, seconds(d.Gap), d.Next))
			}
			if d := &u.Late; d.Times > 0 {
				e.Frames = append(e.Frames, frames(d.Frame)...)
				e.Facts = append(e.Facts, fmt.Sprintf("the reply to %s (frame %d) came after %s, longer than anything shows that this client waits",
					d.Command, d.Frame, seconds(d.Gap)))
			}
			return e
		},
	}
}
