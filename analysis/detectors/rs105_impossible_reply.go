package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// ImpossibleReply is RS105: replies that cannot answer the commands whose turn it was, while another order of the same
// replies fits them all.
func ImpossibleReply() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS105", Name: "impossible-reply", Severity: incident.Critical, Since: "0.1.0",
		Summary: "replies came in another order than their commands",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS103"}, Share: incident.SameConnection},
		},
		Step: incident.StepText{One: "1 reply could not answer its command", Many: "%d replies could not answer their commands"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s cannot answer the commands whose turn it was; in another order they fit", incident.Counted(f.Count, "reply", "replies"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "The server, or a proxy in between, left out, added or reordered replies. Redis itself answers in order: look at what stands " +
					"between (a proxy, a pooler, a server that only implements its protocol). Do not pipeline the commands named until it is fixed."
			}
			return analysis.Hooks{Aligned: func(a *pairing.Alignment) {
				if !a.Resolved || !a.Swapped || a.NMisfits < 2 && !a.Foreign {
					return
				}
				conf, weak := certain(analysis.SessionOf(a.Session))
				m := &a.Misfits[0]
				run := r.Run()
				r.Add(ofSession(analysis.SessionOf(a.Session), unaccused(incident.Occurrence{
					Time: m.Reply.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak, Count: a.NMisfits,
					Evidence: func() incident.Example {
						facts := append(misfits(run, a),
							fmt.Sprintf("with the replies of neighbours exchanged, all %d commands of the window get one that fits; no other pairing does as well",
								len(a.Commands)),
							"every command has one reply: none is missing and none is too many")
						return incident.Example{File: run.File(m.Reply.File), Time: m.Reply.Time, Frames: framesOf(a), Facts: facts}
					},
				})))
			}}
		},
	}
}
