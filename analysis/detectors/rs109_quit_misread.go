package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// QuitMisread is RS109: after a timeout the client sent QUIT and read the late reply in its place.
func QuitMisread() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS109", Name: "quit-misread", Severity: incident.Low, Since: "0.1.0",
		Summary: "QUIT's reader got the late reply to an earlier command; the connection was closed right after",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS210", "RS211"}, Share: incident.SameEnds},
			{Rules: []string{"RS401"}, Share: incident.StalledWait, Otherwise: true},
		},
		Step: incident.StepText{One: "1 late reply was read by QUIT", Many: "%d late replies were read by QUIT"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s read the late reply to an earlier command in QUIT's place, and closed", incident.Counted(f.Count, "connection", "connections"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "Harmless: the connection is closed right after. It shows that a read timed out (see RS210). Clients need not send " +
					"QUIT on a broken connection (it is deprecated; Jedis removed it in 4.4)."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				if d.Quits == 0 {
					return
				}
				o := occurrence(d)
				v := d.QuitVictim
				o.Time, o.Last, o.Severity, o.Confidence, o.Count = v.Time, v.Time, incident.Low, v.Confidence, d.Quits
				o.Evidence = func() incident.Example {
					e := incident.Example{Conn: d.Conn, Time: v.Time, File: r.Run().File(v.File), Frames: frames(v.Frame), Victims: []pairing.Victim{v}}
					if a := d.Quit; a.Given.Index > 0 {
						g := &a.Given
						e.File = r.Run().File(g.File)
						e.Frames = frames(g.Frame, a.Next.Frame, g.Serves.Frame)
						e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) waited %s for its reply, then the client sent QUIT (frame %d)",
							named(r.Run(), g), g.Frame, seconds(a.Gap), a.Next.Frame))
						if a.Flat {
							e.Facts = append(e.Facts, fmt.Sprintf("QUIT was sent with ack %d, before any byte of %s's reply", rel(a.Next.Ack), g.CommandName()))
						}
						if g.Served {
							e.Facts = append(e.Facts, fmt.Sprintf("the reply (%s) came in frame %d, %s after its command",
								r.Run().Describe(g, &g.Serves), g.Serves.Frame, seconds(g.Serves.Time.Sub(g.EndTime))))
						}
						e.Ladder = ladder(r.Run(), &a)
					}
					e.Facts = append(e.Facts, fmt.Sprintf("QUIT's reader got %s; the server's +OK stayed unread", v.Got))
					return e
				}
				r.Add(o)
			}}
		},
	}
}
