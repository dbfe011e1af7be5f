package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// Helpers of the rules about what the server sent in reply to what: RS105 to RS108, RS111 to RS117, RS403 to RS408.

// ofSession fills in which client, server and library an occurrence concerns.
func ofSession(s *analysis.Session, o incident.Occurrence) incident.Occurrence {
	o.Client, o.Server, o.Conn = s.Client, s.Server, s.ID
	if p := s.Population(); p != nil {
		o.Library = p.Library().Name
		o.Policy = s.Use().Policy.String()
	}
	return o
}

// cited is a command as evidence names it: "GET k (command 3, frame 12)".
func cited(r *analysis.Run, ex *pairing.Exchange) string {
	return fmt.Sprintf("%s (command %d, frame %d)", named(r, ex), ex.Index, ex.Frame)
}

// wireFact says where a reply stands in the stream and what the server's kernel had by then.
func wireFact(in *pairing.ReplyInfo) string {
	return fmt.Sprintf("the reply is in frame %d, seq [%d,%d), sent when the server's kernel had the client's bytes up to %d",
		in.Frame, rel(in.Start), rel(in.End), rel(in.K))
}

// certain is the confidence of a fact of the wire: proven where nothing is missing from the connection, else less, and
// possible at most where too little was seen of it to know that it is Redis.
func certain(s *analysis.Session) (c pairing.Confidence, weakened bool) {
	switch {
	case s.PairingSound():
		return pairing.Proven, false
	case s.Lossy():
		return pairing.Possible, true
	}
	return pairing.Possible, false
}

// list joins the names of commands: "A, B or C".
func list(r *analysis.Run, commands []*pairing.Exchange, last string) string {
	var names []string
	for i, ex := range commands {
		if i == 4 {
			names = append(names, "others")
			break
		}
		names = append(names, cited(r, ex))
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " " + last + " " + names[n-1]
	}
	return strings.Join(names, "")
}

// misfits says what contradicts the plain pairing.
func misfits(r *analysis.Run, a *pairing.Alignment) []string {
	var facts []string
	for i := range a.Misfits {
		m := &a.Misfits[i]
		facts = append(facts, fmt.Sprintf("the reply whose turn it was for %s is %s (frame %d): %s",
			cited(r, &m.Command), r.Describe(&m.Command, &m.Reply), m.Reply.Frame, m.Why))
	}
	return facts
}

// framesOf lists the frames of an alignment's evidence.
func framesOf(a *pairing.Alignment, first ...int64) []int64 {
	all := first
	for i := range a.Misfits {
		all = append(all, a.Misfits[i].Command.Frame, a.Misfits[i].Reply.Frame)
	}
	return frames(all...)
}
