package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// UnsolicitedReply is RS107: the server sent more replies than it had received commands.
func UnsolicitedReply() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS107", Name: "unsolicited-reply", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server sent a reply that no command asked for",
		Step:    incident.StepText{One: "1 reply came that nobody asked for", Many: "%d replies came that nobody asked for"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			r.Title = func(f *incident.Finding) string {
				return incident.Counted(f.Count, "reply was sent that no command asked for", "replies were sent that no command asked for")
			}
			r.Remedy = func(*incident.Finding) string {
				return "The server answered a command twice, or pushed data outside push frames. Every later reply on this connection is read by the " +
					"wrong caller; close it. Known causes: SUNSUBSCRIBE that races with a slot migration (valkey#759; rueidis 1.0.52 or later copes), " +
					"modules that reply more than once, CR LF inside an error (RS404)."
			}
			return analysis.Hooks{Oddity: func(o *pairing.Oddity) {
				if o.What != pairing.Unsolicited || o.Session.Lossy() || doubleRedirect(o) {
					return
				}
				s := o.Session
				conf, weak := certain(analysis.SessionOf(s))
				run := r.Run()
				in := *o.Info
				before := "no command was answered before"
				if o.Exchange != nil {
					before = fmt.Sprintf("the last command answered before was %s", cited(run, o.Exchange))
				}
				n := s.Commands()
				text := run.Describe(&pairing.Exchange{}, &in)
				r.Add(ofSession(analysis.SessionOf(s), unaccused(incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(o.Frame), Facts: []string{
							fmt.Sprintf("all %s sent until then had been answered when %s came (frame %d)", incident.Counted(n, "command", "commands"), text, o.Frame),
							wireFact(&in), before,
						}}
					},
				})))
			}}
		},
	}
}

// doubleRedirect recognises what RS407 reports: the same error twice, for one command.
func doubleRedirect(o *pairing.Oddity) bool {
	ex := o.Exchange
	if ex == nil || o.Reply == nil || o.Reply.Kind != resp.Error || !ex.Served || ex.Serves.Kind != resp.Error {
		return false
	}
	return ex.Flags&pairing.Blocks != 0 && string(ex.Serves.Text.Raw()) == string(o.Info.Text.Raw())
}
