package detectors

import (
	"bytes"
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// MalformedReply is RS404: bytes of the server that are no RESP, though none is missing, on a connection on which it had
// answered in RESP before: a server that never did is another one, not a broken one.
func MalformedReply() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS404", Name: "malformed-reply", Severity: incident.Critical, Since: "0.1.0",
		Summary: "the server sent bytes that are no reply",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &malformed{
				r: r, reported: map[int64]bool{},
				bound: r.EvidenceBound(maxMalformed, "connections with malformed replies", "malformed replies on further connections"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("the server's bytes are no RESP at %s", incident.Counted(f.Count, "place", "places"))
			}
			r.Remedy = func(*incident.Finding) string {
				return "The protocol was broken by the server, a module, or a proxy in between. Leading bytes of a reply missing with io-threads: " +
					"valkey#4060. A line behind an error: a script's error that carries CR LF (CVE-2025-67733); upgrade the server. Close the " +
					"connections listed: their clients have lost their place."
			}
			return analysis.Hooks{Oddity: w.see}
		},
	}
}

// maxMalformed bounds the connections that are remembered to have been reported.
const maxMalformed = 1 << 12

type malformed struct {
	r        *analysis.Reporter
	reported map[int64]bool
	bound    *bound.Bound // of reported
}

// see takes the first such place of each connection: what follows it is a consequence.
func (w *malformed) see(o *pairing.Oddity) {
	s := o.Session
	if o.What != pairing.BadReply || s.Lossy() || w.reported[s.ID] || s.Commands() == 0 || s.Replies() == 0 || !w.bound.Admits(len(w.reported)) {
		return
	}
	w.reported[s.ID] = true
	conf, weak := certain(analysis.SessionOf(s))
	run := w.r.Run()
	facts := []string{
		fmt.Sprintf("%s (frame %d, segment at seq %d)", o.Text, o.Frame, rel(o.Offset)),
		"no byte is missing from the capture: the sequence numbers are continuous",
	}
	if ex := s.LastExchange(); ex != nil && ex.Served && ex.Serves.Kind == resp.Error && ex.Serves.Frame == o.Frame {
		facts = append(facts, fmt.Sprintf("the bytes follow an error in the same segment, that of %s: its text holds CR LF", cited(run, ex)))
	}
	facts = append(facts, sampleFact(run, s.LastExchange(), o.Sample))
	w.r.Add(ofSession(analysis.SessionOf(s), incident.Occurrence{
		Time: o.Time, Severity: incident.Critical, Confidence: conf, Weakened: weak,
		Evidence: func() incident.Example {
			return incident.Example{File: run.File(o.File), Frames: frames(o.Frame), Facts: facts}
		},
	}))
}

// sampleWidth is how many bytes of a segment are shown.
const sampleWidth = 64

// sampleFact shows the beginning of the segment, where values may be shown and the last command is none whose reply may
// hold a secret.
func sampleFact(run *analysis.Run, ex *pairing.Exchange, b []byte) string {
	if !run.ShowsValues() || ex == nil || ex.Command == nil || ex.Command.Is(commands.Admin) || ex.Command.Is(commands.Container) || maySpeakSecrets(b) {
		return fmt.Sprintf("the segment holds %d bytes; --show-values prints the first %d", len(b), sampleWidth)
	}
	return fmt.Sprintf("the segment begins %x", b[:min(len(b), sampleWidth)])
}

// maySpeakSecrets reports whether bytes of a server may repeat what it was sent, or list users or settings.
func maySpeakSecrets(b []byte) bool {
	return commands.RepeatsSecret(string(b)) || bytes.Contains(b, []byte("user ")) || bytes.Contains(bytes.ToLower(b), []byte("pass"))
}
