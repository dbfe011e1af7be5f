package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Session is all that a run knows of one connection: what each room keeps of it, held together. It takes what the rooms
// find and hands it on: to the other rooms, and as events to the rules.
type Session struct {
	pairing.Session
	caller client.Conn
	reader desync.Callers
	run    *Run
	topo   cluster.NodeConn
	facts  pools.ConnFacts

	longest time.Duration // wait for a reply, since the last command
}

// begin makes s the session of a connection. The memory of its queues is used again.
func (s *Session) begin(run *Run, seg *reassembly.Segment) {
	s.Session.Begin(run.shared, s, seg)
	s.caller = client.Conn{Session: &s.Session, Reg: run.clients, Sink: s}
	s.reader = run.judging.Of(&s.caller, s.reader)
	s.run = run
	s.topo, s.facts, s.longest = cluster.NodeConn{}, pools.ConnFacts{}, 0
	s.facts.Begin(run.links, s.ID)
}

// SessionOf returns the session that a pairing belongs to.
func SessionOf(p *pairing.Session) *Session {
	s, _ := p.Sink.(*Session)
	return s
}

// segment takes the next segment of the connection; plain is what PlainSegment says of it.
func (s *Session) segment(seg *reassembly.Segment, plain bool) {
	if seg.End != reassembly.NotEnded {
		s.close(seg)
		return
	}
	who := s.Arrive(seg, plain)
	s.reader.Segment(who, seg)
	if seg.Length > 0 {
		if s.Bytes(who, seg) {
			s.reader.Settle()
		}
	}
	s.Depart(who, seg, plain)
	s.facts.See(&s.Session, who, seg, plain, s.owes())
}

// owes returns what the connection waits for.
func (s *Session) owes() pools.Owed {
	switch {
	case s.Pending.Len() == 0:
		return pools.NothingOwed
	case s.Awaited():
		return pools.CallerWaits
	}
	return pools.ReplyOwed
}

// close ends the session: nothing follows on the connection.
func (s *Session) close(seg *reassembly.Segment) {
	s.Over, s.End = true, seg.End
	s.facts.Finish(&s.Session, seg.Time)
	c := s.Conn
	s.Session.Close(seg)
	s.ended()
	judged := s.reader.Closed()
	s.Conn = nil
	c.Tag = nil
	if judged {
		s.retire()
	}
}

// ended counts a connection that is over.
func (s *Session) ended() {
	sum := &s.run.summary
	switch s.Kind {
	case pairing.TLS:
		sum.Encrypted++
	case pairing.Unparsed:
		sum.Unparsed++
	case pairing.Replication:
		sum.Replication++
	}
	if s.caller.Group != nil {
		s.caller.Group.Closed()
	}
	if _, only := s.OnlySide(); only {
		sum.OneSided++
	}
	s.run.emit(&Ended{s})
}

// Describe follows the set-up of the connection.
func (s *Session) Describe(v pairing.Verb, req *resp.Request, ex *pairing.Exchange) {
	s.caller.Enrol(v, req, ex)
}

// Sent takes a command.
func (s *Session) Sent(ex *pairing.Exchange, req *resp.Request, start *pairing.SegmentMark) {
	s.run.waits.usedAgain(s)
	s.command(ex, req)
	s.reader.Sent(ex, start)
	if s.caller.Continues(ex, start) {
		return
	}
	s.reader.Wrote(ex)
	s.caller.ObserveSend(ex)
}

// Served takes a reply that was tied to its command.
func (s *Session) Served(ex *pairing.Exchange, r *resp.Reply) {
	s.caller.Served(ex)
	s.reader.Served(ex)
	s.run.waits.waited(s, ex)
	s.answered(ex, r)
}

// command counts a command and hands it to the rooms that ask for no caller.
func (s *Session) command(ex *pairing.Exchange, req *resp.Request) {
	r := s.run
	r.summary.Commands++
	if s.CommandCount == 1 {
		r.summary.RESP++
		if s.Start == reassembly.MidStream {
			r.summary.MidStream++
		}
	}
	s.facts.Command(&s.Session, ex)
	s.topo.Sent(ex, req)
	if !r.forRules {
		r.emitSent(s, ex, req)
	}
}

// answered counts a reply and hands it on.
func (s *Session) answered(ex *pairing.Exchange, reply *resp.Reply) {
	r := s.run
	r.summary.Replies++
	if !r.forRules || reply.Kind == resp.Error || ex.Contradiction != "" {
		r.emitAnswered(s, ex, reply)
	}
	s.topo.Answered(ex, reply)
}

// Oddity takes something in the streams that is no exchange.
func (s *Session) Oddity(o *pairing.Oddity) {
	switch o.What {
	case pairing.PushMessage:
		s.run.summary.Pushes++
	case pairing.Unsolicited:
		s.reader.Extra(o.Info)
	case pairing.UnanchoredSeen:
		s.reader.AnswersUnseen(o.Info, o.Before)
	}
	s.run.emit(o)
}

// LeftOut takes a command that the server did not answer.
func (s *Session) LeftOut(ex *pairing.Exchange) { s.reader.LeftOut(ex) }

// Aligned takes what was made of replies that did not fit.
func (s *Session) Aligned(a *pairing.Alignment) { s.run.emit(a) }

// ClientClosed takes the client's first FIN or RST.
func (s *Session) ClientClosed() {
	if !s.caller.Closes() {
		return
	}
	s.reader.ClientClosed()
	s.caller.ClientClosed()
}

// Control takes a segment that opens, closes or repeats.
func (s *Session) Control(who int, seg *reassembly.Segment) {
	o := &s.run.output
	o.control = Control{s, seg, who == pairing.RoleClient}
	o.emit(&o.control)
}

// GaveUp takes a wait that ended without a reply.
func (s *Session) GaveUp(ex *pairing.Exchange, gap time.Duration, how client.GaveUp, frame int64, at capture.Time) {
	ex.Flags |= pairing.GivenUp
	s.run.findings.waitEnded(s, ex, gap, at)
	s.run.emit(&WaitEnded{s, ex, gap, how, frame, at})
}

// Facts returns what the connection's segments have told so far. It is borrowed from the session.
func (s *Session) Facts() *pools.ConnFacts { return &s.facts }

// Population returns the clients of one kind that the connection's client belongs to, or nil before its first command.
func (s *Session) Population() *client.Population {
	if s.caller.Group == nil {
		return nil
	}
	return s.caller.Group.Pop
}

// Group returns the connections of one kind that this one belongs to, or nil before its first command.
func (s *Session) Group() *client.Group { return s.caller.Group }

// Stance says what policy the connection's client has, and how that is known so far.
func (s *Session) Stance() client.Stance { return s.caller.Stance() }

// StanceOf says what policy the clients of a group have, and how that is known so far.
func (r *Run) StanceOf(g *client.Group) client.Stance { return r.clients.StanceOf(g.Client, g, false) }

// GivenTimeout returns the read timeout that the user gave for a client.
func (r *Run) GivenTimeout(client netip.Addr) (time.Duration, bool) {
	return r.clients.GivenTimeout(client)
}

// Judged takes an exchange whose belief is final.
func (r *Run) Judged(ex *pairing.Exchange) {
	if !r.forRules || ex.Troubled() {
		r.emit(ex)
	}
}

// SharedUse takes two callers on one connection.
func (r *Run) SharedUse(e *desync.SharedUse) { r.emit(e) }

// Blocked takes a blocking command that was given up.
func (r *Run) Blocked(b *desync.BlockGivenUp) { r.emit(b) }

// Desynced takes the state of an open connection whose callers got worse off.
func (r *Run) Desynced(s *desync.Callers) { SessionOf(s.Session).reportDesync() }

// Retire closes the record of a connection that is over and wholly judged.
func (r *Run) Retire(s *desync.Callers) { SessionOf(s.Session).retire() }

// Now is the latest moment that a live run knows of.
func (r *Run) Now() capture.Time { return max(r.summary.Last, r.ticked) }

// Guard calls what may fail about a connection outside of its segments.
func (r *Run) Guard(s *desync.Callers, judge func()) { SessionOf(s.Session).guarded(judge) }
