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
			causes := incident.Keep(r.Collector, incident.Texts[extraReply]{Title: func(f *incident.Finding, _ *extraReply) string {
				return incident.Counted(f.Count, "reply was sent that no command asked for", "replies were sent that no command asked for")
			}, Remedy: func(_ *incident.Finding, x *extraReply) string {
				if x.spilled {
					return "EXEC announces one reply for each queued command, and (UN)SUBSCRIBE of several channels inside MULTI writes one for each " +
						"channel (redis#12207): the last replies of the transaction stand behind its end, and every later reply on this connection " +
						"is read by the wrong caller. Close it, and do not subscribe or unsubscribe inside MULTI."
				}
				return "The server answered a command twice, or pushed data outside push frames. Every later reply on this connection is read by the " +
					"wrong caller; close it. Known causes: SUNSUBSCRIBE that races with a slot migration (valkey#759; rueidis 1.0.52 or later copes), " +
					"modules that reply more than once, CR LF inside an error (RS404)."
			}})
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
				facts := []string{fmt.Sprintf("all %s sent until then had been answered when %s came (frame %d)", incident.Counted(n, "command", "commands"), text, o.Frame)}
				if o.Spilled > 0 {
					facts = []string{fmt.Sprintf("%s (frame %d) came behind the array of EXEC: it is the reply to command %d, in whose place the array has a "+
						"confirmation of (UN)SUBSCRIBE", text, o.Frame, o.Spilled)}
				}
				x := causes.Add(ofSession(analysis.SessionOf(s), unaccused(incident.Occurrence{
					Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
					Evidence: func() incident.Example {
						return incident.Example{File: run.File(o.File), Frames: frames(o.Frame), Facts: append(facts, wireFact(&in), before)}
					},
				})))
				x.spilled = x.spilled || o.Spilled > 0
			}}
		},
	}
}

// extraReply is what is known of the cause of a connection's extra replies.
type extraReply struct {
	spilled bool // they are the end of a transaction
}

// doubleRedirect recognises what RS407 reports: the same error twice, for one command.
func doubleRedirect(o *pairing.Oddity) bool {
	ex := o.Exchange
	if ex == nil || o.Reply == nil || o.Reply.Kind != resp.Error || !ex.Served || ex.Serves.Kind != resp.Error {
		return false
	}
	return ex.Flags&pairing.Blocks != 0 && string(ex.Serves.Text.Raw()) == string(o.Info.Text.Raw())
}
