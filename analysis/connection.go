package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/databases"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/analysis/sealed"
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
	sealed *sealed.Conn // nil almost always
	facts  pools.ConnFacts
	// closeSeen says that the client has closed.
	closeSeen bool
	silenced  *silenced // nil almost always
	databases databases.Conn
	// encryption is that of a connection that is over; before it is its Conn's.
	encryption *reassembly.Encryption
}

// begin makes s the session of a connection. The memory of its queues is used again.
func (s *Session) begin(run *Run, seg *reassembly.Segment, side reassembly.Side, by pairing.Basis) {
	s.Session.Begin(run.shared, s, seg, side, by)
	s.caller = client.Conn{Session: &s.Session, Reg: run.clients}
	s.reader = run.judging.Of(&s.caller, s.reader)
	s.run, s.closeSeen, s.silenced, s.encryption = run, false, nil, nil
	s.topo, s.facts, s.databases = cluster.NodeConn{}, pools.ConnFacts{}, databases.Conn{}
	s.facts.Begin(run.links, s.ID)
}

// SessionOf returns the session that a pairing belongs to.
func SessionOf(p *pairing.Session) *Session {
	s, _ := p.Sink.(*Session)
	return s
}

// segment takes the next segment of the connection.
func (s *Session) segment(seg *reassembly.Segment) {
	if !seg.Plain {
		if s.topo.Segment(seg); seg.End != reassembly.NotEnded {
			s.close(seg)
			return
		}
	}
	who := s.RoleOf(seg)
	if seg.Sealed || s.Kind == pairing.TLS {
		takeSealed(s, who, seg)
		return
	}
	s.reader.Segment(who, seg)
	if who == pairing.RoleClient {
		if seg.Plain {
			s.topo.FromClient(seg)
		}
		if s.FromClient(seg) {
			s.reader.Settle()
		}
	} else {
		if seg.Plain {
			s.topo.FromServer(seg)
		}
		if s.FromServer(seg) {
			s.reader.Settle()
		}
	}
	if !seg.Plain {
		s.TakeFlags(who, seg)
	}
	s.facts.See(&s.Session, who, seg, s.owes())
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
	switch {
	case s.sealed != nil:
		s.sealed.Finish(seg.Time)
	case s.Kind == pairing.Undecided && s.Conn.Encryption != nil:
		s.Kind = pairing.TLS // nothing but its handshake was seen
	}
	s.facts.Finish(&s.Session, seg.Time)
	c := s.Conn
	if s.Pending.Len() > 1 && s.Pending.Front().Flags&pairing.Blocks != 0 {
		behind(s, s.Pending.Front(), seg.Time)
		behindUntil(s.run, seg)
	}
	s.Session.Close(seg)
	s.ended()
	judged := s.reader.Closed()
	s.Conn = nil
	s.encryption = c.Encryption
	c.Tag = nil
	if judged {
		s.retire()
	}
}

// ended counts a connection that is over.
func (s *Session) ended() {
	sum := &s.run.summary
	if e := s.Conn.Encryption; e != nil && e.Read > 0 {
		sum.Decrypted++
	}
	switch s.Kind {
	case pairing.TLS:
		sum.Encrypted++
	case pairing.Unparsed:
		sum.Unparsed++
		s.disown()
	case pairing.Replication:
		sum.Replication++
	}
	s.run.clients.Closed(s.caller.Pop)
	if _, only := s.OnlySide(); only {
		sum.OneSided++
	}
	if l := s.databases.Ended(s.run.databases); l != nil {
		s.run.emit(l)
	}
	s.run.output.ended = Ended{s}
	s.run.emit(&s.run.output.ended)
}

// disown takes back the commands of a connection that turned out to be none of Redis.
func (s *Session) disown() {
	if s.CommandCount == 0 {
		return
	}
	sum := &s.run.summary
	sum.Commands -= int64(s.CommandCount)
	sum.RESP--
	if s.Start == reassembly.MidStream {
		sum.MidStream--
	}
}

// Describe follows the set-up of the connection.
func (s *Session) Describe(v pairing.Verb, req *resp.Request, ex *pairing.Exchange) bool {
	if s.Kind == pairing.TLS {
		ex.Command = sealed.Command
		s.caller.EnrolSealed(signatureOf(s.Conn.Encryption))
		return false
	}
	s.caller.Enrol(v, req, ex)
	return ex.Flags&pairing.InHandshake != 0
}

// Sent takes a command.
func (s *Session) Sent(ex *pairing.Exchange, req *resp.Request, start *pairing.SegmentMark) {
	if s.Kind == pairing.TLS {
		sentSealed(s, ex, req, start)
		return
	}
	r := s.run
	if r.summary.Commands++; s.CommandCount == 1 {
		s.first()
	}
	s.facts.Command(&s.Session, ex)
	s.topo.Sent(ex, req)
	s.databases.Sent(r.databases, ex, req)
	if s.silenced != nil {
		silencedUntil(s, ex.Time, false)
	}
	if ex.Flags&pairing.NoReplyDue != 0 {
		awaitSilenced(s, ex)
	}
	if !r.forRules {
		r.emitSent(s, ex, req)
	}
	s.reader.Sent(ex, start)
}

// Served takes a reply that was tied to its command.
func (s *Session) Served(ex *pairing.Exchange, r *resp.Reply) {
	s.reader.Served(ex)
	if s.Kind == pairing.TLS {
		s.topo.Answered(ex, r)
		return
	}
	run := s.run
	run.summary.Replies++
	if !run.forRules || r.Kind == resp.Error || ex.Contradiction != "" {
		run.emitAnswered(s, ex, r)
	}
	s.topo.Answered(ex, r)
	if ex.Verb == pairing.VerbSelect && r.Kind != resp.Error {
		s.databases.Selected(run.databases, ex, s.Database())
	} else {
		s.databases.Answered(run.databases, ex, r)
	}
	if ex.Flags&pairing.Blocks != 0 {
		behind(s, ex, ex.Serves.FirstTime)
	}
}

// first counts the connection by its first command.
func (s *Session) first() {
	sum := &s.run.summary
	sum.RESP++
	if s.Start == reassembly.MidStream {
		sum.MidStream++
	}
}

// Oddity takes something in the streams that is no exchange.
func (s *Session) Oddity(o *pairing.Oddity) {
	switch o.What {
	case pairing.PushMessage:
		s.run.summary.Pushes++
		s.reader.Pushed(o.Info)
	case pairing.Unsolicited:
		s.reader.Extra(o.Info)
	case pairing.UnanchoredSeen:
		s.reader.AnswersUnseen(o.Info, o.Before)
	}
	s.run.emit(o)
}

// LeftOut takes a command that the server did not answer.
func (s *Session) LeftOut(ex *pairing.Exchange) { s.reader.LeftOut(ex) }

// Overrun takes that the oldest commands wait no longer for replies.
func (s *Session) Overrun() { s.reader.Overrun() }

// Aligned takes what was made of replies that did not fit.
func (s *Session) Aligned(a *pairing.Alignment) { s.run.emit(a) }

// ClientClosed takes the client's first FIN or RST.
func (s *Session) ClientClosed() {
	if s.caller.Pop == nil || s.closeSeen {
		return
	}
	if s.closeSeen = true; s.sealed != nil && s.sealed.LastIsFarewell() {
		s.reader.Parted()
	}
	if s.silenced != nil {
		silencedUntil(s, s.Closing[pairing.RoleClient].Time, true)
	}
	s.reader.ClientClosed()
	s.caller.ClientClosed(s.facts.Overtook)
}

// Control takes a segment that opens, closes or repeats.
func (s *Session) Control(who int, seg *reassembly.Segment) {
	o := &s.run.output
	o.control = Control{s, seg, who == pairing.RoleClient}
	o.emit(&o.control)
}

// Facts returns what the connection's segments have told so far. It is borrowed from the session.
func (s *Session) Facts() *pools.ConnFacts { return &s.facts }

// Population returns the clients of one kind that the connection's client belongs to, or nil before its first command.
func (s *Session) Population() *client.Population { return s.caller.Pop }

// Use says how the connection is used, and how that is known so far.
func (s *Session) Use() desync.Use { return s.reader.Use() }

// UseOf says how the connections of a population are used, and how that is known so far.
func (r *Run) UseOf(p *client.Population) desync.Use { return r.judging.UseOf(r.clients, p) }

// Habits returns what a population was found to do; nil: nothing is known of it.
func (r *Run) Habits(p *client.Population) *reader.Habits { return r.judging.Habits(p) }

// GivenTimeout returns the read timeout that the user gave for a client.
func (r *Run) GivenTimeout(client netip.Addr) (time.Duration, bool) {
	return r.clients.GivenTimeout(client)
}

// Judged takes an exchange whose belief is final.
func (r *Run) Judged(ex *pairing.Exchange) {
	if k := ex.Session.Kind; k == pairing.Unparsed || k == pairing.TLS && !r.forRules {
		return
	}
	if !r.forRules || ex.Troubled() {
		r.emit(ex)
	}
}

// SharedUse takes two callers on one connection.
func (r *Run) SharedUse(e *desync.SharedUse) { r.emit(e) }

// WaitEnded takes a wait that ended without a reply.
func (r *Run) WaitEnded(c *desync.Callers, w *desync.EndOfWait) {
	s := SessionOf(c.Session)
	if !s.Spoke() {
		return
	}
	r.findings.waitEnded(s, w.Exchange, w.Gap, w.Time)
	r.emit(&WaitEnded{s, w})
}

// Blocked takes a blocking command that was given up.
func (r *Run) Blocked(b *desync.BlockGivenUp) { r.emit(b) }

// Desynced takes the state of an open connection whose callers got worse off.
func (r *Run) Desynced(s *desync.Callers) { SessionOf(s.Session).reportDesync() }

// Retire closes the record of a connection that is over and wholly judged. The segment that is taken may be of another
// connection, which a panic here does not end.
func (r *Run) Retire(s *desync.Callers) {
	session := SessionOf(s.Session)
	session.guarded(r, session.retire)
}

// Now is the latest moment that a live run knows of.
func (r *Run) Now() capture.Time { return max(r.summary.Last, r.ticked) }

// Guard calls what may fail about a connection outside of its segments.
func (r *Run) Guard(s *desync.Callers, judge func()) { SessionOf(s.Session).guarded(r, judge) }
