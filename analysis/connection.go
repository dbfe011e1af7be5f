package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Session is all that a run knows of one connection: what each room keeps of it, held together. It takes what the rooms
// find and hands it on: to the other rooms, and as events to the rules.
type Session struct {
	Paired
	caller clientConn
	reader readerConn
	run    *Run
	topo   NodeConn
	facts  ConnFacts
}

// begin makes s the session of a connection. The memory of its queues is used again.
func (s *Session) begin(run *Run, seg *reassembly.Segment) {
	unread := s.reader.unread
	unread.clear()
	s.Paired.Begin(run.shared, s, seg)
	s.caller = clientConn{Paired: &s.Paired, reg: run.clients, sink: s}
	s.reader = readerConn{clientConn: &s.caller, judging: run.judging, chance: 1, unread: unread, batch: s.reader.batch[:0]}
	s.run = run
	s.topo, s.facts = NodeConn{}, ConnFacts{}
	s.facts.Begin(run.links, s.ID)
}

// SessionOf returns the session that a pairing belongs to.
func SessionOf(p *Paired) *Session {
	s, _ := p.sink.(*Session)
	return s
}

// segment takes the next segment of the connection; plain is what PlainSegment says of it.
func (s *Session) segment(seg *reassembly.Segment, plain bool) {
	if seg.End != reassembly.NotEnded {
		s.close(seg)
		return
	}
	who := s.Arrive(seg, plain)
	if seg.Length > 0 {
		if s.Bytes(who, seg) {
			s.judge(who)
		}
	}
	s.Depart(who, seg, plain)
	s.facts.See(&s.Paired, who, seg, plain, s.owes())
}

// owes returns what the connection waits for.
func (s *Session) owes() Owed {
	switch {
	case s.pending.len() == 0:
		return NothingOwed
	case s.awaited():
		return CallerWaits
	}
	return ReplyOwed
}

// judge lets the reader judge what the bytes of one side made ripe.
func (s *Session) judge(who int) {
	if who == roleClient {
		s.reader.sent()
	} else if s.reader.waiting {
		s.reader.settle()
	}
}

// close ends the session: nothing follows on the connection.
func (s *Session) close(seg *reassembly.Segment) {
	s.over, s.End = true, seg.End
	s.facts.Finish(&s.Paired, seg.Time)
	c := s.Conn
	s.Paired.Close(seg)
	s.run.ended(s)
	s.reader.closed()
	s.Conn = nil
	c.Tag = nil
	if !s.reader.waiting {
		s.run.retire(s)
	} else if s.log.len() == 0 {
		s.run.judging.unawait(&s.reader)
		s.run.retire(s)
	}
}

// Describe follows the set-up of the connection.
func (s *Session) Describe(v verb, req *resp.Request, ex *Exchange) { s.caller.enrol(v, req, ex) }

// Sent takes a command.
func (s *Session) Sent(ex *Exchange, req *resp.Request, start *segmentMark) {
	s.run.commandSent(s, ex, req)
	if s.caller.continues(ex, start) {
		return
	}
	s.reader.wrote(ex)
	s.caller.observeSend(ex)
}

// Served takes a reply that was tied to its command.
func (s *Session) Served(ex *Exchange, r *resp.Reply) {
	s.caller.served(ex)
	s.reader.served(ex)
	s.run.served(s, ex, r)
}

// Oddity takes something in the streams that is no exchange.
func (s *Session) Oddity(o *Oddity) {
	if o.What == PushMessage {
		s.run.summary.Pushes++
	}
	s.run.emit(o)
}

// Aligned takes what was made of replies that did not fit.
func (s *Session) Aligned(a *Alignment) { s.run.emit(a) }

// ClientClosed takes the client's first FIN or RST.
func (s *Session) ClientClosed() {
	if !s.caller.closes() {
		return
	}
	s.reader.clientClosed()
	s.caller.clientClosed()
}

// Control takes a segment that opens, closes or repeats.
func (s *Session) Control(who int, seg *reassembly.Segment) {
	s.run.output.control = Control{s, seg, who == roleClient}
	s.run.emit(&s.run.output.control)
}

// GaveUp takes a wait that ended without a reply.
func (s *Session) GaveUp(ex *Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time) {
	ex.Flags |= GivenUp
	s.run.waitEnded(s, ex, gap, at)
	s.run.emit(&WaitEnded{s, ex, gap, how, frame, at})
}

// Facts returns what the connection's segments have told so far. It is borrowed from the session.
func (s *Session) Facts() *ConnFacts { return &s.facts }

// Population returns the clients of one kind that the connection's client belongs to, or nil before its first command.
func (s *Session) Population() *Population {
	if s.caller.group == nil {
		return nil
	}
	return s.caller.group.pop
}

// Group returns the connections of one kind that this one belongs to, or nil before its first command.
func (s *Session) Group() *Group { return s.caller.group }

// Stance says what policy the connection's client has, and how that is known so far.
func (s *Session) Stance() Stance { return s.caller.stance() }

// StanceOf says what policy the clients of a group have, and how that is known so far.
func (r *Run) StanceOf(g *Group) Stance { return r.clients.stanceOf(g.Client, g, false) }

// GivenTimeout returns the read timeout that the user gave for a client.
func (r *Run) GivenTimeout(client netip.Addr) (time.Duration, bool) {
	return r.clients.givenTimeout(client)
}

// Judged takes an exchange whose belief is final.
func (r *Run) Judged(ex *Exchange) {
	if !r.forRules || ex.troubled() {
		r.emit(ex)
	}
}

// SharedUse takes two callers on one connection.
func (r *Run) SharedUse(e *SharedUse) { r.emit(e) }

// Blocked takes a blocking command that was given up.
func (r *Run) Blocked(b *BlockGivenUp) { r.emit(b) }

// Desynced takes the state of an open connection whose callers got worse off.
func (r *Run) Desynced(s *readerConn) { r.reportDesync(SessionOf(s.Paired)) }

// Retire takes leave of a connection that is over and wholly judged.
func (r *Run) Retire(s *readerConn) { r.retire(SessionOf(s.Paired)) }

// Now is the latest moment that a live run knows of.
func (r *Run) Now() capture.Time { return r.liveNow() }
