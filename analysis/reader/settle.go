package reader

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// Bounds of the evidence that is kept while it is not yet known how long a client waits, and whether it pipelines.
const (
	// patientLog is how many of one connection may wait before it is judged by what the group has shown so far, if that
	// is enough.
	patientLog = 1 << 9
)

// settle judges what can be judged now. Plain batches need no knowledge of the group; anything else waits until the
// group is known, and so does what follows it on the connection.
func (s *Conn) Settle() {
	if s.holdsBlock() {
		return
	}
	if !s.Waiting && s.plain() {
		return
	}
	if !s.Waiting {
		s.Waiting = true
		s.Judging.await(s)
	}
	switch {
	case s.Judging.final || s.Ripe() || s.Stance().Settled():
		s.Judge()
	case s.Log.Len() >= patientLog && s.Group.Pop.Known():
		s.early = true
		s.Judge()
	case s.Shared.InUse >= s.Shared.MaxLog && s.Shared.InUse >= s.Judging.relieveAt:
		s.Judging.relieve()
		// What is still outstanding stays: looking again before more has come would cost time for each command.
		s.Judging.relieveAt = s.Shared.InUse + s.Shared.MaxLog/4
	default:
		return
	}
	s.ReportDesync()
	if s.Waiting && s.Log.Len() <= 1 && s.Unread.Len() == 0 && !s.Over {
		s.Waiting = false
		s.Judging.Unawait(s)
	}
}

// holdsBlock reports whether the commands of an open transaction are to be kept together until EXEC: their elements are
// not known yet.
func (s *Conn) holdsBlock() bool {
	return s.Session.Block.Open && s.Session.Block.Queued <= pairing.MaxQueued && !s.Over && !s.forced && s.Log.Len() < pairing.MaxSessionLog/2
}

// relieve judges all sessions that wait by what is known so far: the evidence kept for them has reached its bound. What
// their groups show later comes too late for them; that is counted where a group has shown anything at all. One call
// frees most of what is kept, so that its cost spreads over as many commands.
func (r *Judging) relieve() {
	told := false
	for _, force := range []bool{false, true} {
		list := r.Waiting
		r.Waiting = nil
		for _, s := range list {
			if s.Group != nil && !s.Group.Pop.Known() && !told {
				told = true
				r.early.Hits++
			}
			s.early = true
			if force {
				s.SettleNow()
			} else {
				s.Judge()
			}
			switch {
			case s.Over && s.Session.Conn == nil && s.Log.Len() == 0:
				r.sink.Retire(s)
			case s.Log.Len() <= 1 && s.Unread.Len() == 0 && !s.Over:
				s.Waiting = false
			default:
				r.Waiting = append(r.Waiting, s)
			}
		}
		if r.shared.InUse < r.shared.MaxLog/2 {
			return
		}
	}
}

// plain settles the batches at the front of the log that need no knowledge of the group: nothing is owed, every reply
// arrived before the next write, and none took as long as any client might wait. It reports whether nothing is left
// that does need it.
func (s *Conn) plain() bool {
	for s.Log.Len() > 0 {
		if s.Unread.Len() > 0 || s.Kind != pairing.RESP {
			return s.Kind != pairing.RESP && s.emitUnjudged()
		}
		if s.Log.Len() == 1 && !s.Over {
			return true
		}
		first := s.Log.Front()
		n := 1
		for n < s.Log.Len() && s.Log.At(n).Batch == first.Batch {
			n++
		}
		if n == s.Log.Len() && !s.Over {
			return s.Log.Len() < pairing.MaxSessionLog
		}
		for i := range n {
			var next *pairing.Exchange
			if n < s.Log.Len() {
				next = s.Log.At(n)
			}
			if !s.plainExchange(s.Log.At(i), next) || i > 0 && s.maybeStale(s.Log.At(i-1), s.Log.At(i)) {
				return false
			}
		}
		last := s.Log.At(n - 1)
		if n < s.Log.Len() && openAt(last, s.Log.At(n)) || n == s.Log.Len() && s.openAtClose(last) {
			return false
		}
		if n == 1 {
			s.singles++
		} else if first.Flags&pairing.InHandshake == 0 {
			s.multiples++
		}
		for range n {
			ex := s.Log.Front()
			if ex.Waits() {
				ex.Belief = pairing.Belief{Index: ex.Index, Confidence: s.plainLevel()}
			}
			s.emitFront()
		}
	}
	return true
}

func (s *Conn) plainExchange(ex, next *pairing.Exchange) bool {
	if ex.Flags&(pairing.Uncertain|pairing.AfterHole|pairing.LeftOut) != 0 {
		return false
	}
	if !ex.Waits() {
		return true
	}
	if !ex.Served {
		return false
	}
	if ex.Flags&pairing.Blocks != 0 || ex.Serves.FirstTime.Sub(ex.EndTime) < pairing.SuspectGap && ex.Serves.MaxGap < pairing.SuspectGap {
		return true
	}
	// A slow reply: somebody was waiting for it, if the client goes on promptly and nobody of its kind ever gave up.
	return next != nil && s.Group != nil && len(s.Group.Pop.Samples) == 0 && next.Ack >= ex.Serves.End &&
		next.Time.Sub(ex.Serves.Time) < client.Prompt
}

// maybeStale reports whether b follows a as no batch does on a connection that may have been behind from the start.
func (s *Conn) maybeStale(a, b *pairing.Exchange) bool {
	return s.Start == reassembly.MidStream && !a.Shared && !b.Shared && !a.Full && a.Ack == b.Ack && (a.Frame != b.Frame || a.File != b.File)
}

// emitUnjudged hands out the exchanges of a connection on which nobody reads in turn: subscribers, MONITOR,
// replication. It reports true: nothing waits for judgement.
func (s *Conn) emitUnjudged() bool {
	for s.Log.Len() > 0 {
		ex := s.Log.Front()
		if ex.Waits() && !ex.Served && !s.Over && s.Log.Len() < pairing.MaxSessionLog && s.Kind != pairing.Replication {
			return true
		}
		if ex.Served {
			ex.Belief = pairing.Belief{Index: ex.Index, Confidence: pairing.Likely}
		}
		s.emitFront()
	}
	return true
}

// openAtClose reports whether the end of the connection leaves it open what the last caller got.
func (s *Conn) openAtClose(ex *pairing.Exchange) bool {
	if !ex.Waits() {
		return false
	}
	c := &s.Closing[pairing.RoleClient]
	return !ex.Served || (c.Fin || c.Rst) && ex.Serves.Time > c.Time
}

func (s *Conn) plainLevel() pairing.Confidence {
	if s.Group == nil {
		return pairing.Likely
	}
	return s.Group.PlainLevel()
}

// emitFront hands the front of the log out.
func (s *Conn) emitFront() {
	ex := s.Log.Pop()
	s.headLen = 0
	if s.Acked > 0 {
		s.Acked--
	}
	if s.Prev.Ex == ex {
		s.Prev.Ex = nil
	}
	s.Judging.sink.Judged(ex) // its belief is final
	s.Shared.Release(ex)
}

// settleNow judges with what is known: the bound on evidence was reached, or the run is over.
func (s *Conn) SettleNow() {
	s.forced = true
	s.Judge()
	s.forced = false
}
