package analysis

import "github.com/respsniff/respsniff/reassembly"

// Bounds of the evidence that is kept while it is not yet known how long a client waits, and whether it pipelines.
const (
	// patientLog is how many of one connection may wait before it is judged by what the group has shown so far, if that
	// is enough.
	patientLog = 1 << 9
)

// settle judges what can be judged now. Plain batches need no knowledge of the group; anything else waits until the
// group is known, and so does what follows it on the connection.
func (s *readerConn) settle() {
	if s.holdsBlock() {
		return
	}
	if !s.waiting && s.plain() {
		return
	}
	if !s.waiting {
		s.waiting = true
		s.judging.await(s)
	}
	switch {
	case s.judging.final || s.ripe() || s.stance().settled():
		s.judge()
	case s.log.len() >= patientLog && s.group.pop.known():
		s.early = true
		s.judge()
	case s.shared.alive >= maxLog && s.shared.alive >= s.judging.relieveAt:
		s.judging.relieve()
		// What is still outstanding stays: looking again before more has come would cost time for each command.
		s.judging.relieveAt = s.shared.alive + maxLog/4
	default:
		return
	}
	s.reportDesync()
	if s.waiting && s.log.len() <= 1 && s.unread.len() == 0 && !s.over {
		s.waiting = false
		s.judging.unawait(s)
	}
}

// holdsBlock reports whether the commands of an open transaction are to be kept together until EXEC: their elements are
// not known yet.
func (s *readerConn) holdsBlock() bool {
	return s.Paired.block.open && s.Paired.block.queued <= maxQueued && !s.over && !s.forced && s.log.len() < maxSessionLog/2
}

// relieve judges all sessions that wait by what is known so far: the evidence kept for them has reached its bound. What
// their groups show later comes too late for them; that is counted where a group has shown anything at all. One call
// frees most of what is kept, so that its cost spreads over as many commands.
func (r *judging) relieve() {
	told := false
	for _, force := range []bool{false, true} {
		list := r.waiting
		r.waiting = nil
		for _, s := range list {
			if s.group != nil && !s.group.pop.known() && !told {
				told = true
				r.early.Hits++
			}
			s.early = true
			if force {
				s.settleNow()
			} else {
				s.judge()
			}
			switch {
			case s.over && s.Conn == nil && s.log.len() == 0:
				r.sink.Retire(s)
			case s.log.len() <= 1 && s.unread.len() == 0 && !s.over:
				s.waiting = false
			default:
				r.waiting = append(r.waiting, s)
			}
		}
		if r.shared.alive < maxLog/2 {
			return
		}
	}
}

// plain settles the batches at the front of the log that need no knowledge of the group: nothing is owed, every reply
// arrived before the next write, and none took as long as any client might wait. It reports whether nothing is left
// that does need it.
func (s *readerConn) plain() bool {
	for s.log.len() > 0 {
		if s.unread.len() > 0 || s.Kind != RESP {
			return s.Kind != RESP && s.emitUnjudged()
		}
		if s.log.len() == 1 && !s.over {
			return true
		}
		first := s.log.front()
		n := 1
		for n < s.log.len() && s.log.at(n).Batch == first.Batch {
			n++
		}
		if n == s.log.len() && !s.over {
			return s.log.len() < maxSessionLog
		}
		for i := range n {
			var next *Exchange
			if n < s.log.len() {
				next = s.log.at(n)
			}
			if !s.plainExchange(s.log.at(i), next) || i > 0 && s.maybeStale(s.log.at(i-1), s.log.at(i)) {
				return false
			}
		}
		last := s.log.at(n - 1)
		if n < s.log.len() && openAt(last, s.log.at(n)) || n == s.log.len() && s.openAtClose(last) {
			return false
		}
		if n == 1 {
			s.singles++
		} else if first.Flags&InHandshake == 0 {
			s.multiples++
		}
		for range n {
			ex := s.log.front()
			if ex.waits() {
				ex.Belief = Belief{ex.Index, s.plainLevel()}
			}
			s.emitFront()
		}
	}
	return true
}

func (s *readerConn) plainExchange(ex, next *Exchange) bool {
	if ex.Flags&(Uncertain|AfterHole|LeftOut) != 0 {
		return false
	}
	if !ex.waits() {
		return true
	}
	if !ex.Served {
		return false
	}
	if ex.Flags&Blocks != 0 || ex.Serves.FirstTime.Sub(ex.EndTime) < suspectGap && ex.Serves.MaxGap < suspectGap {
		return true
	}
	// A slow reply: somebody was waiting for it, if the client goes on promptly and nobody of its kind ever gave up.
	return next != nil && s.group != nil && len(s.group.pop.samples) == 0 && next.Ack >= ex.Serves.End &&
		next.Time.Sub(ex.Serves.Time) < prompt
}

// maybeStale reports whether b follows a as no batch does on a connection that may have been behind from the start.
func (s *readerConn) maybeStale(a, b *Exchange) bool {
	return s.Start == reassembly.MidStream && !a.shared && !b.shared && !a.full && a.Ack == b.Ack && (a.Frame != b.Frame || a.File != b.File)
}

// emitUnjudged hands out the exchanges of a connection on which nobody reads in turn: subscribers, MONITOR,
// replication. It reports true: nothing waits for judgement.
func (s *readerConn) emitUnjudged() bool {
	for s.log.len() > 0 {
		ex := s.log.front()
		if ex.waits() && !ex.Served && !s.over && s.log.len() < maxSessionLog && s.Kind != Replication {
			return true
		}
		if ex.Served {
			ex.Belief = Belief{ex.Index, Likely}
		}
		s.emitFront()
	}
	return true
}

// openAtClose reports whether the end of the connection leaves it open what the last caller got.
func (s *readerConn) openAtClose(ex *Exchange) bool {
	if !ex.waits() {
		return false
	}
	c := &s.closing[roleClient]
	return !ex.Served || (c.fin || c.rst) && ex.Serves.Time > c.time
}

func (s *readerConn) plainLevel() Confidence {
	if s.group == nil {
		return Likely
	}
	return s.group.plainLevel()
}

// emitFront hands the front of the log out.
func (s *readerConn) emitFront() {
	ex := s.log.pop()
	s.headLen = 0
	if s.acked > 0 {
		s.acked--
	}
	if s.prev.ex == ex {
		s.prev.ex = nil
	}
	s.judging.sink.Judged(ex) // its belief is final
	s.shared.release(ex)
}

// settleNow judges with what is known: the bound on evidence was reached, or the run is over.
func (s *readerConn) settleNow() {
	s.forced = true
	s.judge()
	s.forced = false
}
