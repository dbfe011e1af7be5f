package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// StaleBufferRead is RS104: a caller was answered from the client's memory, with a reply that was older than the capture.
func StaleBufferRead() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS104", Name: "stale-buffer-read", Severity: incident.Critical, Since: "0.1.0",
		Summary: "a caller was answered from the client's memory: the connection was behind before the capture reached it",
		Step: incident.StepText{
			One:         "1 connection was already behind",
			Many:        "%d connections were already behind",
			Connections: true, Remedy: misreadRemedy,
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s already behind when the capture reached it: a caller was answered from memory", was(f.Connections, "connection"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "This connection was already one reply behind when the capture reached it. The command before it was answered from memory " +
					"with someone else's reply. Look earlier in time for a read timeout of this process, or capture from the start of the connection. " +
					"Until the cause is fixed, restart the process: the connection stays wrong until it is closed."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				if d.StaleReads == 0 {
					return
				}
				o := occurrence(d)
				o.Severity, o.Confidence, o.Count, o.Time = incident.Critical, d.StaleLevel, d.StaleReads, d.Stale[0].First.Time
				o.Victims, o.Commands = d.BySaw, d.ByCommand
				o.Evidence = func() incident.Example { return staleEvidence(r.Run(), d) }
				o.Notes = []string{
					"The other explanation, two threads that share this connection, would need a client that hands one connection out twice; " +
						"nothing in this capture shows that.",
				}
				r.Add(unaccusedOf(d, o))
			}}
		},
	}
}

func staleEvidence(run *analysis.Run, d *desync.Desync) incident.Example {
	p := &d.Stale[0]
	a, b := &p.First, &p.Second
	e := incident.Example{
		File: run.File(b.File), Time: b.Time, Frames: frames(a.Frame, b.Frame, a.Serves.Frame), Victims: d.Victims,
		Facts: []string{
			fmt.Sprintf("%s was sent with ack %d, before any byte of the %s's reply (same ACK number as the %s: no server byte in between)",
				b.CommandName(), rel(b.Ack), a.CommandName(), a.CommandName()),
			fmt.Sprintf("%s (frame %d) was followed by %s (frame %d) after %s", named(run, a), a.Frame, b.CommandName(), b.Frame, ms(p.Gap)),
		},
	}
	if d.Wait.T > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("not a read timeout: this client waits %s%s, %.0f times as long", nominal(d.Wait.T), given(d.Wait), float64(d.Wait.T)/float64(max(p.Gap, 1))))
	}
	if p.RTT > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("the fastest acknowledgement of the server's kernel took %s", ms(p.RTT)))
	}
	e.Facts = append(e.Facts, fmt.Sprintf("so the caller of %s did not wait for the network: it read a reply that was already there, and the connection was at least one reply behind before frame %d",
		a.CommandName(), a.Frame))
	e.Facts = append(e.Facts, d.StaleWhy...)
	e.Facts = append(e.Facts, evidence(d, nil)...)
	if d.StaleReads > 1 {
		e.Facts = append(e.Facts, fmt.Sprintf("%d such pairs on this connection", d.StaleReads))
	}
	steps := []incident.Step{command(run, a), command(run, b)}
	steps[1].Mark = ms(p.Gap) + " later, no byte in between"
	if a.Served {
		steps = append(steps, incident.Step{Frame: a.Serves.Frame, Time: a.Serves.Time, Seq: rel(a.Serves.Start), Ack: rel(a.Serves.K),
			Length: int(a.Serves.Bytes()), What: run.Describe(a, &a.Serves), Mark: "the reply to " + a.CommandName() + ", read by the next caller"})
	}
	e.Ladder = steps
	return e
}

func given(t desync.Timeout) string {
	if t.Given {
		return " (as given)"
	}
	return ""
}
