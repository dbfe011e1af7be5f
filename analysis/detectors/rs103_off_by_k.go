package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// OffByK is RS103: callers got the answers to earlier commands.
func OffByK() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS103", Name: "off-by-k", Severity: incident.Critical, Since: "0.1.0",
		Summary: "callers got the answers to earlier commands of their connection",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS101", "RS102", "RS104", "RS110", "RS113", "RS114", "RS115", "RS107", "RS108", "RS406", "RS408"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{
			One: "1 call got another call's reply", Many: "%d calls got another call's reply", Calls: true, Remedy: misreadRemedy,
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s got the answer to an earlier command, on %s",
					incident.Counted(f.Count, "call", "calls"), incident.Counted(f.Connections, "connection", "connections"))
			}
			r.Remedy = func(f *incident.Finding) string {
				return fmt.Sprintf("%s got the answer to an earlier command. Wrong values raise no error: check what these calls stored "+
					"(cache entries, sessions, counters). The cause and the cure are under RS101, RS102 or RS104.", incident.Counted(f.Count, "call", "calls"))
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				if d.NVictims == 0 {
					return
				}
				o := occurrence(d)
				o.Severity, o.Confidence, o.Count = incident.Critical, d.Strongest, d.NVictims
				o.Time = d.Victims[0].Time
				o.Victims, o.Commands = d.BySaw, d.ByCommand
				o.Evidence = func() incident.Example { return victims(r.Run(), d) }
				r.Add(unaccusedOf(d, o))
			}}
		},
	}
}

// victims is the table of one connection's misreads.
func victims(r *analysis.Run, d *desync.Desync) incident.Example {
	e := incident.Example{Conn: d.Conn, Client: d.Client, Server: d.Server, Victims: d.Victims}
	if len(d.Victims) > 0 {
		e.Time, e.File = d.Victims[0].Time, r.File(d.Victims[0].File)
		for _, v := range d.Victims {
			e.Frames = append(e.Frames, v.Frame)
		}
	}
	shape := "the wire looks perfect: every command is answered before the next, only the readers are behind"
	if len(d.Abandoned) > 0 {
		e.File = r.File(d.Abandoned[0].Given.File)
		if d.Abandoned[0].Why == desync.ByAck {
			shape = "commands were written while replies were due"
		}
	}
	e.Facts = append(e.Facts,
		fmt.Sprintf("at most %s behind; %s", incident.Counted(d.Behind, "reply", "replies"), shape),
		fmt.Sprintf("%s on this connection", incident.Counted(d.NVictims, "misread reply", "misread replies")))
	e.Facts = append(e.Facts, evidence(d, nil)...)
	if d.NVictims > len(d.Victims) {
		e.Victims = append(e.Victims[:len(e.Victims):len(e.Victims)], d.Last)
		e.Facts = append(e.Facts, fmt.Sprintf("the last victim is %s (frame %d)", strings.TrimSpace(d.Last.Command+" "+d.Last.Key), d.Last.Frame))
	}
	return e
}
