package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// MissingReply is RS108: the server left a command without a reply and answered later ones.
func MissingReply() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS108", Name: "missing-reply", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server never answered a command, but answered later ones",
		Step:    incident.StepText{One: "1 command got no reply", Many: "%d commands got no reply"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "command", "commands") + " got no reply, though later ones did"
			}
			r.Remedy = func(*incident.Finding) string {
				return "The server, or a proxy, never answered the command named. A client that gives replies to its callers by their order alone hands " +
					"each later reply to the caller before its own; close the connection. A proxy that loses a request or a reply, one that merges two errors into one line (twemproxy#404), and a server that drops a reply, look like this."
			}
			return analysis.Hooks{Aligned: func(a *pairing.Alignment) {
				if !a.Resolved || a.Skips == 0 || authsOnly(a) || a.Live == nil {
					return
				}
				addSkip(r, a, incident.Critical)
			}}
		},
	}
}

// addSkip reports commands that the server left without a reply.
func addSkip(r *analysis.Reporter, a *pairing.Alignment, severity incident.Severity, more ...string) {
	conf, weak := certain(analysis.SessionOf(a.Session))
	if a.NMisfits < 2 && !a.Foreign {
		conf = min(conf, pairing.Likely) // one contradiction may be the table's of commands
	}
	if a.ByValues && !weak {
		conf = max(conf, pairing.Strong)
	}
	if len(more) > 0 && !weak {
		conf = max(conf, pairing.Strong) // the command is known for it
	}
	run := r.Run()
	ex := a.Skipped[0]
	r.Add(ofSession(analysis.SessionOf(a.Session), unaccused(incident.Occurrence{
		Time: ex.Time, Severity: severity, Confidence: conf, Weakened: weak, Count: a.Skips,
		Evidence: func() incident.Example {
			facts := []string{fmt.Sprintf("%s got no reply", list(run, a.Skipped, "or"))}
			if a.Live != nil {
				facts = append(facts, fmt.Sprintf("%s, which stands behind, did: the server was alive", cited(run, a.Live)))
			}
			if ex.AckedFrame > 0 {
				facts = append(facts, fmt.Sprintf("the server's kernel had it (frame %d)", ex.AckedFrame))
			}
			if a.Turns > 0 {
				facts = append(facts, fmt.Sprintf("%d replies came within %s behind a later command, and none in the pauses before: in order each "+
					"would have taken as long as the client happened to pause", a.Turns, ms(a.Behind)))
			}
			if a.Matches > 0 {
				facts = append(facts, fmt.Sprintf("%s what the later command's key was last seen to hold, and not what that of the command in order was",
					incident.Counted(a.Matches, "reply is", "replies are")))
			}
			facts = append(append(facts, misfits(run, a)...),
				"left out, and with it every reply moved to the next command, everything fits; no other pairing does as well",
				"neither CLIENT REPLY nor lost packets are the reason")
			return incident.Example{File: run.File(ex.File), Frames: framesOf(a, ex.Frame), Facts: append(facts, more...)}
		},
	})))
}
