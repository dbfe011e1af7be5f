package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// lost is a connection that its client did not close.
type lost struct {
	conn      int64
	s         incident.Occurrence // who
	facts     pools.ConnFacts
	open      bool // until the capture's end
	lastName  string
	lastReply string
	lastFrame int64
	weakened  bool
	poisoned  bool // its last caller got another command's reply
	sure      pairing.Confidence
	got       string
}

// newLost describes a connection at its end.
func newLost(s *analysis.Session) *lost {
	l := &lost{conn: s.ID, facts: *s.Facts(), open: stillOpen(s), weakened: s.Lost[0]+s.Lost[1] > 0, lastReply: noReply}
	l.s = incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: max(l.facts.LastClient, s.First), Severity: incident.High,
		Policy: s.Use().Policy.String(), Weakened: l.weakened,
	}
	if p := s.Population(); p != nil {
		l.s.Library = p.Library().Name
	}
	return l
}

// stillOpen reports whether a connection was open when the capture ended.
func stillOpen(s *analysis.Session) bool {
	return s.End == reassembly.EndCapture || s.End == reassembly.NotEnded
}

// noReply is the reply to a command that was never answered.
const noReply = "no reply"

// closeWait says how the server closed, and what the client did not do.
func (l *lost) closeWait(end capture.Time) string {
	f := &l.facts
	return fmt.Sprintf("the server sent FIN at %s (frame %d), the client's kernel acknowledged it (frame %d), and the program has not closed until "+
		"the capture ended: no client FIN, CLOSE_WAIT; it had not touched the connection for %s", at(f.ServerFIN.Time), f.ServerFIN.Frame,
		f.FINAcked.Frame, seconds(end.Sub(f.LastClient)))
}

func (l *lost) example(run *analysis.Run, facts []string) incident.Example {
	f := &l.facts
	e := incident.Example{
		Conn: l.conn, Client: l.s.Client, Server: l.s.Server, Time: f.LastClient, File: run.File(f.SYN.File), Facts: facts,
		Frames: frames(l.lastFrame, f.ServerFIN.Frame, f.FINAcked.Frame, f.ClientRST.Frame),
	}
	reply := fmt.Sprintf("answered with %s", l.lastReply)
	if l.poisoned {
		reply += fmt.Sprintf("; its caller got %s", l.got)
	} else if l.lastReply == noReply {
		reply = "never answered"
	}
	e.Facts = append(e.Facts, fmt.Sprintf("the last command was %s at %s (frame %d), %s", l.lastName, at(f.LastClient), l.lastFrame, reply))
	if l.facts.Overtook && !l.poisoned {
		e.Facts = append(e.Facts, "a command had been written on it while a reply was still due")
	}
	if n := f.ServerTimeout(); n > 0 {
		e.Facts = append(e.Facts, fmt.Sprintf("the server closed after %s of silence, which fits its setting `timeout %d`", seconds(f.IdleAtFIN), n))
	}
	if f.Probe.Seen() {
		e.Facts = append(e.Facts, fmt.Sprintf("frame %d is a keep-alive probe, no data", f.Probe.Frame))
	}
	if f.ServerFIN.Seen() {
		e.Ladder = []incident.Step{
			step(f.ServerFIN, false, "FIN", seconds(f.IdleAtFIN)+" after the last data"),
			step(f.FINAcked, true, "ACK only", "no FIN: CLOSE_WAIT"),
		}
	}
	return e
}

// step makes a rung of a ladder of a packet without data.
func step(m pools.Mark, client bool, what, mark string) incident.Step {
	s := incident.Step{Frame: m.Frame, Time: m.Time, FromClient: client, Seq: rel(m.Seq), Ack: -1, What: what, Mark: mark}
	if m.Ack != reassembly.NoAck {
		s.Ack = rel(m.Ack)
	}
	return s
}
