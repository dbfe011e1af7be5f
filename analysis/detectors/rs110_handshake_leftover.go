package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
)

// HandshakeLeftover is RS110: the first user command was sent while replies to the connection's set-up were unread.
func HandshakeLeftover() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS110", Name: "handshake-leftover", Severity: incident.Critical, Since: "0.1.0",
		Summary: "replies to connection set-up commands were still unread when the first user command was sent",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS401"}, Share: incident.StalledWait},
		},
		Step: incident.StepText{
			One:         "1 connection kept replies of its set-up",
			Many:        "%d connections kept replies of their set-up",
			Connections: true,
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s handed out with replies to its set-up unread", was(f.Connections, "connection"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "go-redis: upgrade to 9.5.5, 9.6.3, 9.7.3 or later (CVE-2025-29923) or set DisableIdentity. Others: close a connection whose " +
					"set-up did not finish."
			}
			return analysis.Hooks{Desync: func(d *desync.Desync) {
				if d.Handshake == 0 || len(d.Abandoned) == 0 {
					return
				}
				a := &d.Abandoned[0]
				o := occurrence(d)
				o.Time, o.Confidence, o.Weakened, o.Count = a.Next.Time, a.Confidence, a.Weakened, d.Handshake
				o.Victims, o.Commands = d.BySaw, d.ByCommand
				o.Evidence = func() incident.Example {
					e := handedOn(r.Run(), d, a)
					e.Facts = append(e.Facts, fmt.Sprintf("%s belongs to the connection's set-up; %s to be misread from birth",
						a.Given.CommandName(), incident.Counted(a.Owed, "reply was left", "replies were left")))
					e.Facts = append(e.Facts, versionFacts(d.Library)...)
					return e
				}
				r.Add(unaccused(o))
			}}
		},
	}
}
