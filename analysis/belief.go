package analysis

import (
	"math"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// judge walks over the batches at the front of the log whose fate is known and says for each caller which reply it
// got. It models the client's reader: replies that were delivered and not read stand in s.unread, oldest first, and
// each caller reads the oldest. A caller that gave up leaves its reply there, for the next one to find.
//
//  1. A batch's replies go to the end of unread.
//  2. Each caller of the batch takes the front of unread, if it had arrived when the client wrote its next batch (the
//     ACK number of that write says so), and if the wait for it was no longer than the client's read timeout.
//  3. The first caller that could not have got it gave up, and with it the rest of its batch.
//
// The number of replies left in unread is what the connection is behind.
func (s *readerConn) judge() {
	st := s.stance()
	wait := s.patience(st)
	if s.over || s.forced || s.early {
		s.inferLazy(st, wait)
	}
	for s.log.len() > 0 {
		n := s.headBatch(st)
		if n == 0 {
			return
		}
		s.judgeBatch(n, st, wait)
	}
}

// headBatch returns the length of the first batch of the log, or 0 while its fate is open. A write that follows
// another faster than this client can have given up belongs to the same batch: it pipelines.
func (s *readerConn) headBatch(st Stance) int {
	n := 1
	if s.log.len() > patientLog {
		n = max(n, s.headLen) // a client that never reads: what was joined before stays so
	}
	for ; n < s.log.len(); n++ {
		a, b := s.log.at(n-1), s.log.at(n)
		if s.unread.len() == 0 && s.staleAfter(a, b, st) {
			break
		}
		if a.Batch == b.Batch {
			continue
		}
		if s.unread.len() > 0 || !openAt(a, b) || b.Time.Sub(a.EndTime) >= s.accusable(a, st) {
			break
		}
		if st.Basis >= BasisNamed && a.Flags&InHandshake == 0 {
			s.sharedWrite(a, b, st)
		}
		b.Batch = a.Batch
	}
	s.headLen = n
	if n == s.log.len() && !s.over && !s.forced {
		return 0
	}
	if s.over || s.forced || s.OneSided() {
		return n
	}
	for i := range n {
		if ex := s.log.at(i); ex.waits() && !ex.Served && !ex.lostReply {
			return 0
		}
	}
	return n
}

// accusable is the shortest silence after a from which on a client that goes on without a's reply is said to have
// given up. Anything shorter is a pipeline, or two callers on one connection. A connection's set-up may be written ahead
// by libraries that wait for each reply later on.
func (s *readerConn) accusable(a *Exchange, st Stance) time.Duration {
	if s.group == nil || a.Flags&InHandshake != 0 && !s.group.pop.library().Awaits {
		return s.judging.HandshakeGap
	}
	if st.Basis >= BasisGuessed {
		return max(suspectGap, 2*s.minRTT) // a pipeline that waits for window or for its own acknowledgements
	}
	return max(s.group.minGap(), 2*s.minRTT)
}

// handshakeGap is the silence after an unanswered command of the set-up that shows that its reply was given up.
const handshakeGap = 100 * time.Millisecond

// openAt reports whether a's reply had not arrived when b was written.
func openAt(a, b *Exchange) bool {
	return a.waits() && (!a.Served || b.Ack != reassembly.NoAck && a.Serves.End > b.Ack)
}

// limits are what the client had received, and when, by the time it went on after a batch.
type limits struct {
	ack     int64 // every byte of the server before this place had been delivered
	time    capture.Time
	last    bool // nothing of the client follows but its close, if that
	flat    bool // the next write carries the same ACK number and directly follows
	next    *Exchange
	gap     time.Duration
	certain bool // no bytes were lost around here
}

func (s *readerConn) limitsAfter(batch []*Exchange, next *Exchange) limits {
	l := limits{ack: math.MaxInt64, time: math.MaxInt64, next: next, last: next == nil, certain: true}
	end := batch[len(batch)-1]
	switch c := &s.closing[roleClient]; {
	case next != nil:
		if next.Ack != reassembly.NoAck {
			l.ack = next.Ack
		}
		l.time = next.Time
		l.gap = next.Time.Sub(end.EndTime)
		l.flat = end.End == next.Start && end.Ack == next.Ack && !end.Late && !next.Late && next.Ack != reassembly.NoAck
		l.certain = next.Flags&(AfterHole|Uncertain) == 0
	case s.over && (c.fin || c.rst):
		l.time = c.time
		if c.fin && c.ack != reassembly.NoAck {
			l.ack = c.ack
		}
		l.gap = c.time.Sub(end.EndTime)
	}
	for _, ex := range batch {
		if ex.Flags&(AfterHole|Uncertain) != 0 {
			l.certain = false
		}
	}
	return l
}

// judgeBatch settles the first n entries of the log.
func (s *readerConn) judgeBatch(n int, st Stance, wait patience) {
	batch := s.batch[:0]
	for i := range n {
		batch = append(batch, s.log.at(i))
	}
	s.batch = batch
	var next *Exchange
	if n < s.log.len() {
		next = s.log.at(n)
	}
	if st.reads() && s.Kind == RESP {
		s.read(batch, s.limitsAfter(batch, next), st, wait)
	} else {
		for _, ex := range batch {
			if ex.Served {
				ex.Belief = Belief{ex.Index, Likely}
			}
		}
	}
	for range n {
		s.emitFront()
	}
}

// read lets the callers of a batch read.
func (s *readerConn) read(batch []*Exchange, l limits, st Stance, wait patience) {
	for _, ex := range batch {
		ex.Owed = s.unread.len()
		if ex.waits() {
			s.unread.push(ex)
			ex.refs++
		}
	}
	owed := batch[0].Owed
	last := batch[len(batch)-1]
	delivered := last.EndTime
	level := s.beliefLevel(st, l)
	gone, kept := false, true
	cover := last.Ack // the place up to which what the client has received is accounted for
	for _, ex := range batch {
		if !ex.waits() && ex.Flags&LeftOut == 0 {
			continue
		}
		if gone || s.unread.len() == 0 {
			ex.Belief = Belief{}
			continue
		}
		if drains(ex) {
			s.drain(ex)
		}
		r := s.unread.front()
		if ex.Flags&LeftOut != 0 && r.Served && r.Index > ex.Index && r.Serves.End <= l.ack {
			// The server skipped this command's reply: its caller reads the next one's, and the last caller waits.
			ex.Belief = Belief{Index: r.Index, Confidence: min(level, Likely)}
			s.shared.release(s.unread.pop())
			continue
		}
		if ex.Flags&LeftOut != 0 {
			continue
		}
		why, sure := s.unreadable(ex, r, last, delivered, l, wait)
		if (why == byAck || why == byHalf) && (!s.accounted(cover, l) || owed == 0 && s.tooSoon(last, l, st)) {
			why, sure = readInTime, 0.5
		}
		if why == byAck && r == ex && l.next != nil && s.staleAfter(last, l.next, st) {
			s.stale(ex, l, st)
			continue
		}
		if l.next != nil {
			s.chance *= sure
		}
		if why != readInTime {
			gone = true
			if why == byTimeout {
				wait.sure = min(wait.sure, levelOf(s.chance))
				if wait.sure == Possible {
					s.chance = min(s.chance, 0.6)
				}
			}
			s.guessing = s.guessing || why == byInference || why == byTimeout && wait.sure < Strong
			kept = s.gaveUpOn(ex, r, why, l, st, wait)
			continue
		}
		chance := s.chance
		if l.next == nil {
			chance *= sure
		}
		conf := min(level, levelOf(chance))
		silence := r.Serves.FirstTime.Sub(delivered)
		if l.last && r.Served && (wait.tried(silence) || (owed > 0 || s.dirty) && !s.readAtClose(r, l)) {
			conf = min(conf, wait.lastLevel(silence))
		}
		if r.Served && ex.Flags&Blocks == 0 && wait.t == 0 && l.next != nil &&
			silence >= max(suspectGap, wait.shortest()) && l.next.Time.Sub(r.Serves.Time) > prompt {
			s.guessing = true // it may have given up; without a read timeout nobody can tell
			if r == ex {
				conf = min(conf, Likely)
			}
		}
		ex.Belief = Belief{Index: r.Index, Confidence: conf}
		if r != ex {
			if l.next != nil && l.flat && s.staleAfter(last, l.next, st) {
				s.noteStale(ex, l)
			}
			s.misread(ex, r, conf, l)
		}
		if r.Served {
			delivered = max(delivered, r.Serves.Time)
			cover = max(cover, r.Serves.End)
		}
		s.shared.release(s.unread.pop())
	}
	for !kept && s.unread.len() > owed {
		s.shared.release(s.unread.popLast()) // what is not said of this batch must not be held against later callers
	}
	if owed > 0 {
		for i := 1; i < len(batch); i++ {
			if a, b := batch[i-1], batch[i]; !b.shared && a.waits() && a.End == b.Start && a.Ack == b.Ack && !a.Late && !b.Late {
				s.overtook(a, b, owed)
			}
		}
	}
	if k := s.unread.len(); k > 0 && next(l) {
		s.reused(l, k, st)
		if last.waits() && l.flat {
			s.overtook(last, l.next, k)
		}
	}
	if l.last || l.next.verb == verbReset {
		s.forget()
	}
}

// drainToken is the length of the shortest token by which a client recognises the end of what it throws away: redigo
// sends ECHO with 32 hexadecimal digits when a connection goes back to its pool, and reads until they come back.
const drainToken = 16

// drains reports whether the caller of a command throws away all replies before its own.
func drains(ex *Exchange) bool {
	return ex.verb == verbEcho && ex.Served && ex.Serves.N >= drainToken && isHex(ex.Serves.Text.Raw())
}

func isHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return len(b) > 0
}

// drain throws away what is unread before ex's own reply.
func (s *readerConn) drain(ex *Exchange) {
	for s.unread.len() > 1 && s.unread.front() != ex {
		s.shared.release(s.unread.pop())
	}
}

func next(l limits) bool { return l.next != nil && l.next.Flags&NotAwaited == 0 }

// tooSoon reports whether the client went on too fast to have given up on a reply.
func (s *readerConn) tooSoon(last *Exchange, l limits, st Stance) bool {
	return l.next != nil && l.gap < s.accusable(last, st) && !s.staleAfter(last, l.next, st)
}

// accounted reports whether the bytes that the client received between a batch and its next write are all parts of
// replies that are known. If not, some reply was missed, and the replies that seem to be late are those of other
// commands.
func (s *readerConn) accounted(cover int64, l limits) bool {
	if l.ack <= cover || l.ack == math.MaxInt64 || s.pushes > 0 {
		return true
	}
	for _, r := range s.unread.rest() {
		if r.Served && r.Serves.Start < l.ack && l.ack <= r.Serves.End {
			return true
		}
	}
	return false
}

// forget ends the wait of those that nobody will serve: the connection is over, or was reset.
func (s *readerConn) forget() {
	for s.unread.len() > 0 {
		s.shared.release(s.unread.pop())
	}
}

// levelOf is the confidence that a chance amounts to.
func levelOf(chance float64) Confidence {
	switch {
	case chance >= 0.97:
		return Strong
	case chance >= 0.7:
		return Likely
	}
	return Possible
}

// beliefLevel is the confidence of what is said of a batch's callers.
func (s *readerConn) beliefLevel(st Stance, l limits) Confidence {
	level := Strong
	switch {
	case st.Basis == BasisNone && s.unread.len() == 0:
		level = Likely
	case st.Policy == PolicyUnknown:
		level = Possible
	case st.Confidence < Strong:
		level = max(st.Confidence, Possible)
	}
	if s.guessing {
		level = min(level, Likely)
	}
	if !l.certain {
		level = level.Down()
	}
	return level
}
