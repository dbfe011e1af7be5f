package reader

import (
	"math"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
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
func (s *Conn) Judge() {
	st := s.Stance()
	wait := patienceOf(s, st)
	if s.Over || s.forced || s.early {
		inferLazy(s, st, wait)
	}
	for s.Log.Len() > 0 {
		n := s.headBatch(st)
		if n == 0 {
			return
		}
		s.judgeBatch(n, st, wait)
	}
}

// headBatch returns the length of the first batch of the log, or 0 while its fate is open. A write that follows
// another faster than this client can have given up belongs to the same batch: it pipelines.
func (s *Conn) headBatch(st client.Stance) int {
	n := 1
	if s.Log.Len() > patientLog {
		n = max(n, s.headLen) // a client that never reads: what was joined before stays so
	}
	for ; n < s.Log.Len(); n++ {
		a, b := s.Log.At(n-1), s.Log.At(n)
		if s.Unread.Len() == 0 && staleAfter(s, a, b, st) {
			break
		}
		if a.Batch == b.Batch {
			continue
		}
		if s.Unread.Len() > 0 || !openAt(a, b) || b.Time.Sub(a.EndTime) >= s.accusable(a, st) {
			break
		}
		if st.Basis >= client.BasisNamed && a.Flags&pairing.InHandshake == 0 {
			sharedWrite(s, a, b, st)
		}
		b.Batch = a.Batch
	}
	s.headLen = n
	if n == s.Log.Len() && !s.Over && !s.forced {
		return 0
	}
	if s.Over || s.forced || s.OneSided() {
		return n
	}
	for i := range n {
		if ex := s.Log.At(i); ex.Waits() && !ex.Served && !ex.LostReply {
			return 0
		}
	}
	return n
}

// accusable is the shortest silence after a from which on a client that goes on without a's reply is said to have
// given up. Anything shorter is a pipeline, or two callers on one connection. A connection's set-up may be written ahead
// by libraries that wait for each reply later on.
func (s *Conn) accusable(a *pairing.Exchange, st client.Stance) time.Duration {
	if s.Group == nil || a.Flags&pairing.InHandshake != 0 && !s.Group.Pop.Library().Awaits {
		return s.Judging.HandshakeGap
	}
	if st.Basis >= client.BasisGuessed {
		return max(pairing.SuspectGap, 2*s.MinRTT) // a pipeline that waits for window or for its own acknowledgements
	}
	return max(s.Group.MinGap(), 2*s.MinRTT)
}

// handshakeGap is the silence after an unanswered command of the set-up that shows that its reply was given up.
const handshakeGap = 100 * time.Millisecond

// openAt reports whether a's reply had not arrived when b was written.
func openAt(a, b *pairing.Exchange) bool {
	return a.Waits() && (!a.Served || b.Ack != reassembly.NoAck && a.Serves.End > b.Ack)
}

// limits are what the client had received, and when, by the time it went on after a batch.
type limits struct {
	ack     int64 // every byte of the server before this place had been delivered
	time    capture.Time
	last    bool // nothing of the client follows but its close, if that
	flat    bool // the next write carries the same ACK number and directly follows
	next    *pairing.Exchange
	gap     time.Duration
	certain bool // no bytes were lost around here
}

func (s *Conn) limitsAfter(batch []*pairing.Exchange, next *pairing.Exchange) limits {
	l := limits{ack: math.MaxInt64, time: math.MaxInt64, next: next, last: next == nil, certain: true}
	end := batch[len(batch)-1]
	switch c := &s.Closing[pairing.RoleClient]; {
	case next != nil:
		if next.Ack != reassembly.NoAck {
			l.ack = next.Ack
		}
		l.time = next.Time
		l.gap = next.Time.Sub(end.EndTime)
		l.flat = end.End == next.Start && end.Ack == next.Ack && !end.Late && !next.Late && next.Ack != reassembly.NoAck
		l.certain = next.Flags&(pairing.AfterHole|pairing.Uncertain) == 0
	case s.Over && (c.Fin || c.Rst):
		l.time = c.Time
		if c.Fin && c.Ack != reassembly.NoAck {
			l.ack = c.Ack
		}
		l.gap = c.Time.Sub(end.EndTime)
	}
	for _, ex := range batch {
		if ex.Flags&(pairing.AfterHole|pairing.Uncertain) != 0 {
			l.certain = false
		}
	}
	return l
}

// judgeBatch settles the first n entries of the log.
func (s *Conn) judgeBatch(n int, st client.Stance, wait patience) {
	batch := s.Batch[:0]
	for i := range n {
		batch = append(batch, s.Log.At(i))
	}
	s.Batch = batch
	var next *pairing.Exchange
	if n < s.Log.Len() {
		next = s.Log.At(n)
	}
	if st.Reads() && s.Kind == pairing.RESP {
		s.read(batch, s.limitsAfter(batch, next), st, wait)
	} else {
		for _, ex := range batch {
			if ex.Served {
				ex.Belief = pairing.Belief{Index: ex.Index, Confidence: pairing.Likely}
			}
		}
	}
	for range n {
		s.emitFront()
	}
}

// read lets the callers of a batch read.
func (s *Conn) read(batch []*pairing.Exchange, l limits, st client.Stance, wait patience) {
	for _, ex := range batch {
		ex.Owed = s.Unread.Len()
		if ex.Waits() {
			s.Unread.Push(ex)
			ex.Refs++
		}
	}
	owed := batch[0].Owed
	last := batch[len(batch)-1]
	delivered := last.EndTime
	level := s.beliefLevel(st, l)
	gone, kept := false, true
	cover := last.Ack // the place up to which what the client has received is accounted for
	for _, ex := range batch {
		if !ex.Waits() && ex.Flags&pairing.LeftOut == 0 {
			continue
		}
		if gone || s.Unread.Len() == 0 {
			ex.Belief = pairing.Belief{}
			continue
		}
		if drains(ex) {
			s.drain(ex)
		}
		r := s.Unread.Front()
		if ex.Flags&pairing.LeftOut != 0 && r.Served && r.Index > ex.Index && r.Serves.End <= l.ack {
			// The server skipped this command's reply: its caller reads the next one's, and the last caller waits.
			ex.Belief = pairing.Belief{Index: r.Index, Confidence: min(level, pairing.Likely)}
			s.Shared.Release(s.Unread.Pop())
			continue
		}
		if ex.Flags&pairing.LeftOut != 0 {
			continue
		}
		why, sure := unreadable(s, ex, r, last, delivered, l, wait)
		if (why == byAck || why == byHalf) && (!s.accounted(cover, l) || owed == 0 && s.tooSoon(last, l, st)) {
			why, sure = readInTime, 0.5
		}
		if why == byAck && r == ex && l.next != nil && staleAfter(s, last, l.next, st) {
			readStale(s, ex, l, st)
			continue
		}
		if l.next != nil {
			s.Chance *= sure
		}
		if why != readInTime {
			gone = true
			if why == byTimeout {
				wait.sure = min(wait.sure, levelOf(s.Chance))
				if wait.sure == pairing.Possible {
					s.Chance = min(s.Chance, 0.6)
				}
			}
			s.guessing = s.guessing || why == byInference || why == byTimeout && wait.sure < pairing.Strong
			kept = s.gaveUpOn(ex, r, why, l, st, wait)
			continue
		}
		chance := s.Chance
		if l.next == nil {
			chance *= sure
		}
		conf := min(level, levelOf(chance))
		silence := r.Serves.FirstTime.Sub(delivered)
		if l.last && r.Served && (wait.tried(silence) || (owed > 0 || s.Dirty) && !readAtClose(s, r, l)) {
			conf = min(conf, wait.lastLevel(silence))
		}
		if r.Served && ex.Flags&pairing.Blocks == 0 && wait.t == 0 && l.next != nil &&
			silence >= max(pairing.SuspectGap, wait.shortest()) && l.next.Time.Sub(r.Serves.Time) > client.Prompt {
			s.guessing = true // it may have given up; without a read timeout nobody can tell
			if r == ex {
				conf = min(conf, pairing.Likely)
			}
		}
		ex.Belief = pairing.Belief{Index: r.Index, Confidence: conf}
		if r != ex {
			if l.next != nil && l.flat && staleAfter(s, last, l.next, st) {
				noteStale(s, ex, l)
			}
			s.misread(ex, r, conf, l)
		}
		if r.Served {
			delivered = max(delivered, r.Serves.Time)
			cover = max(cover, r.Serves.End)
		}
		s.Shared.Release(s.Unread.Pop())
	}
	for !kept && s.Unread.Len() > owed {
		s.Shared.Release(s.Unread.PopLast()) // what is not said of this batch must not be held against later callers
	}
	if owed > 0 {
		for i := 1; i < len(batch); i++ {
			if a, b := batch[i-1], batch[i]; !b.Shared && a.Waits() && a.End == b.Start && a.Ack == b.Ack && !a.Late && !b.Late {
				s.overtook(a, b, owed)
			}
		}
	}
	if k := s.Unread.Len(); k > 0 && next(l) {
		s.reused(l, k, st)
		if last.Waits() && l.flat {
			s.overtook(last, l.next, k)
		}
	}
	if l.last || l.next.Verb == pairing.VerbReset {
		s.Forget()
	}
}

// drainToken is the length of the shortest token by which a client recognises the end of what it throws away: redigo
// sends ECHO with 32 hexadecimal digits when a connection goes back to its pool, and reads until they come back.
const drainToken = 16

// drains reports whether the caller of a command throws away all replies before its own.
func drains(ex *pairing.Exchange) bool {
	return ex.Verb == pairing.VerbEcho && ex.Served && ex.Serves.N >= drainToken && isHex(ex.Serves.Text.Raw())
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
func (s *Conn) drain(ex *pairing.Exchange) {
	for s.Unread.Len() > 1 && s.Unread.Front() != ex {
		s.Shared.Release(s.Unread.Pop())
	}
}

func next(l limits) bool { return l.next != nil && l.next.Flags&pairing.NotAwaited == 0 }

// tooSoon reports whether the client went on too fast to have given up on a reply.
func (s *Conn) tooSoon(last *pairing.Exchange, l limits, st client.Stance) bool {
	return l.next != nil && l.gap < s.accusable(last, st) && !staleAfter(s, last, l.next, st)
}

// accounted reports whether the bytes that the client received between a batch and its next write are all parts of
// replies that are known. If not, some reply was missed, and the replies that seem to be late are those of other
// commands.
func (s *Conn) accounted(cover int64, l limits) bool {
	if l.ack <= cover || l.ack == math.MaxInt64 || s.Pushes > 0 {
		return true
	}
	for _, r := range s.Unread.Rest() {
		if r.Served && r.Serves.Start < l.ack && l.ack <= r.Serves.End {
			return true
		}
	}
	return false
}

// forget ends the wait of those that nobody will serve: the connection is over, or was reset.
func (s *Conn) Forget() {
	for s.Unread.Len() > 0 {
		s.Shared.Release(s.Unread.Pop())
	}
}

// levelOf is the confidence that a chance amounts to.
func levelOf(chance float64) pairing.Confidence {
	switch {
	case chance >= 0.97:
		return pairing.Strong
	case chance >= 0.7:
		return pairing.Likely
	}
	return pairing.Possible
}

// beliefLevel is the confidence of what is said of a batch's callers.
func (s *Conn) beliefLevel(st client.Stance, l limits) pairing.Confidence {
	level := pairing.Strong
	switch {
	case st.Basis == client.BasisNone && s.Unread.Len() == 0:
		level = pairing.Likely
	case st.Policy == client.PolicyUnknown:
		level = pairing.Possible
	case st.Confidence < pairing.Strong:
		level = max(st.Confidence, pairing.Possible)
	}
	if s.guessing {
		level = min(level, pairing.Likely)
	}
	if !l.certain {
		level = level.Down()
	}
	return level
}
