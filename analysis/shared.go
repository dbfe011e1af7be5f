package analysis

import (
	"time"

	"github.com/respsniff/respsniff/reassembly"
)

// SharedUse tells that a lockstep connection is written to as if by two callers.
type SharedUse struct {
	Session   *readerConn
	First     Exchange
	Second    Exchange
	Gap       time.Duration
	Count     int // of this kind on the connection so far
	AfterQuit bool
	Stance    Stance
	Library   Library
}

func (*SharedUse) Event() {}

// sharedMin is how many overlapping writes without a silence show two writers.
const sharedMin = 3

// sharedWrite notes that b was written soon after a, whose reply was due, by a client whose library waits for each
// reply: nobody can have given up that fast.
func (s *readerConn) sharedWrite(a, b *Exchange, st Stance) {
	if a.Flags&(Blocks|Uncertain|AfterHole) != 0 || b.Flags&(Uncertain|AfterHole) != 0 || st.Policy != PolicyLockstep || st.Basis == BasisGiven {
		return
	}
	if b.Time.Sub(a.EndTime) < batchGap || a.full || a.unsure || b.unsure || s.group.pop.pipelined > 0 {
		return
	}
	if s.sharedWrites++; s.sharedWrites < s.judging.SharedMin {
		return
	}
	s.tellShared(a, b, st, false)
}

// afterQuit notes a command that was written after the answer to QUIT had arrived: whoever wrote it did not know.
func (s *readerConn) afterQuit(quit, ex *Exchange) {
	if ex.Flags&AfterQuit == 0 || quit == nil || quit.verb != verbQuit || !quit.Served || ex.Ack < quit.Serves.End {
		return
	}
	s.tellShared(quit, ex, s.stance(), true)
}

func (s *readerConn) tellShared(a, b *Exchange, st Stance, quit bool) {
	e := &SharedUse{Session: s, First: *a, Second: *b, Gap: b.Time.Sub(a.EndTime), Count: s.sharedWrites, AfterQuit: quit, Stance: st}
	if s.group != nil {
		e.Library = s.group.pop.library()
	}
	s.judging.sink.SharedUse(e)
}

// BlockGivenUp tells that a client went away from a blocking command before the time that it had asked to block for.
type BlockGivenUp struct {
	Session  *readerConn
	Exchange Exchange
	BlockFor time.Duration // 0: for ever
	Gap      time.Duration
	How      GaveUp
	Frame    int64
	// Lost is set in a second event of the kind, when the server hands out an element after all: nobody reads it.
	Lost      bool
	LostFrame int64
	LostAt    time.Duration // after the client had gone
	Element   string

	ack int64 // what the client had received when it went
}

func (*BlockGivenUp) Event() {}

// blockGivenUp notes that the client went on, or away, while a blocking command was waiting.
func (s *readerConn) blockGivenUp(how GaveUp, frame int64, gap time.Duration, ack int64) {
	if s.pending.len() == 0 || s.block != nil {
		return
	}
	ex := s.pending.front()
	if ex.Flags&(Uncertain|AfterHole) != 0 || s.beganToArrive(ex, ack) {
		return // what looks like waiting in vain is the capture's
	}
	if ex.Flags&Blocks == 0 || ex.verb == verbDebug || ex.Served || ex.blockFor > 0 && gap >= ex.blockFor {
		return
	}
	s.block = &BlockGivenUp{Session: s, Exchange: *ex, BlockFor: ex.blockFor, Gap: gap, How: how, Frame: frame, ack: ack}
	s.judging.sink.Blocked(s.block)
}

// beganToArrive reports whether a client that had received all bytes before ack may have got the reply to ex, or a part of
// it: bytes that the capture lacks or shows later, or any since ex was sent where no older reply was due.
func (s *readerConn) beganToArrive(ex *Exchange, ack int64) bool {
	if ack == reassembly.NoAck || ack <= ex.Ack {
		return false
	}
	return ack > s.answers.Offset() || s.Lossy() || ex.Outstanding == 0 && s.pushes == 0
}

// blockServed notes that a blocking command which nobody waits for any more took an element.
func (s *readerConn) blockServed(ex *Exchange) {
	b := s.block
	if b == nil || b.Lost || b.Exchange.Index != ex.Index || b.How == GaveUpReuse || !elementReply(ex) ||
		b.ack != reassembly.NoAck && ex.Serves.End <= b.ack {
		return
	}
	b.Lost, b.LostFrame, b.LostAt = true, ex.Serves.Frame, ex.Serves.Time.Sub(b.Exchange.EndTime)-b.Gap
	b.Element = s.judging.Print.Describe(ex, &ex.Serves)
	s.judging.sink.Blocked(b)
}

// elementReply reports whether the reply of a blocking command carries something that it took from the database.
func elementReply(ex *Exchange) bool {
	k := ex.Serves.Kind.String()
	return k == "array" || k == "bulk" || k == "map"
}
