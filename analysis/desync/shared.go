package desync

import (
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
)

// SharedUse tells that a lockstep connection is written to as if by two callers.
type SharedUse struct {
	Session   *Callers
	First     pairing.Exchange
	Second    pairing.Exchange
	Gap       time.Duration
	Count     int // of this kind on the connection so far
	AfterQuit bool
	Use       Use
	Sure      pairing.Confidence
	Library   client.Library
}

func (*SharedUse) Event() {}

// afterQuit notes a command that was written after the answer to QUIT had arrived: whoever wrote it did not know.
func afterQuit(s *Callers, quit, ex *pairing.Exchange) {
	if ex.Flags&pairing.AfterQuit == 0 || quit == nil || quit.Verb != pairing.VerbQuit || !quit.Served || ex.Ack < quit.Serves.End {
		return
	}
	if s.Lossy() {
		return // which command the reply answered is a guess
	}
	tellShared(s, quit, ex, pairing.Proven, true)
}

// sharing says how sure it is that several callers use the connection at once though its library, or the user, says that they
// take turns: no reader explains what is written here.
func sharing(s *Callers, v *reader.Verdict) reader.Word {
	if policy, basis := s.Known(); basis < client.Named || !policy.TakesTurns() || v.OneSided {
		return reader.Unknown // it may be meant so: callers that never met elsewhere may share a connection here
	}
	return min(reader.WordOf(v.Kinds[client.Shares]), reader.Likely)
}

// overlappedBy notes that b was written before the reply to a, on a connection that several callers share.
func overlappedBy(s *Callers, a, b *pairing.Exchange) {
	if s.shares < reader.Likely || a.Flags&(pairing.Blocks|pairing.NotAwaited|pairing.InHandshake) != 0 {
		return
	}
	s.shared++
	tellShared(s, a, b, pairing.Confidence(s.shares), false)
}

func tellShared(s *Callers, a, b *pairing.Exchange, sure pairing.Confidence, quit bool) {
	s.Judging.sink.SharedUse(&SharedUse{
		Session: s, First: *a, Second: *b, Gap: b.Time.Sub(a.EndTime), Count: s.shared, AfterQuit: quit, Use: s.Use(), Sure: sure,
		Library: s.Pop.Library(),
	})
}

// BlockGivenUp tells that a client went away from a blocking command before the time that it had asked to block for.
type BlockGivenUp struct {
	Session  *Callers
	Exchange pairing.Exchange
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
func blockGivenUp(s *Callers, how GaveUp, frame int64, gap time.Duration, ack int64) {
	if s.Pending.Len() == 0 || s.block != nil {
		return
	}
	ex := s.Pending.Front()
	if ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0 || beganToArrive(s, ex, ack) {
		return // what looks like waiting in vain is the capture's
	}
	if ex.Flags&pairing.Blocks == 0 || ex.Verb == pairing.VerbDebug || ex.Served || ex.BlockFor > 0 && gap >= ex.BlockFor {
		return
	}
	s.block = &BlockGivenUp{Session: s, Exchange: *ex, BlockFor: ex.BlockFor, Gap: gap, How: how, Frame: frame, ack: ack}
	s.Judging.sink.Blocked(s.block)
}

// beganToArrive reports whether a client that had received all bytes before ack may have got the reply to ex, or a part of
// it: bytes that the capture lacks or shows later, or any since ex was sent where no older reply was due.
func beganToArrive(s *Callers, ex *pairing.Exchange, ack int64) bool {
	if ack == reassembly.NoAck || ack <= ex.Ack {
		return false
	}
	return ack > s.Answers.Offset() || s.Lossy() || ex.Outstanding == 0 && s.Pushes == 0
}

// blockServed notes that a blocking command which nobody waits for any more took an element.
func blockServed(s *Callers, ex *pairing.Exchange) {
	b := s.block
	if b == nil || b.Lost || b.Exchange.Index != ex.Index || b.How == GaveUpReuse || !elementReply(ex) ||
		b.ack != reassembly.NoAck && ex.Serves.End <= b.ack {
		return
	}
	b.Lost, b.LostFrame, b.LostAt = true, ex.Serves.Frame, ex.Serves.Time.Sub(b.Exchange.EndTime)-b.Gap
	b.Element = s.Judging.Print.Describe(ex, &ex.Serves)
	s.Judging.sink.Blocked(b)
}

// elementReply reports whether the reply of a blocking command carries something that it took from the database.
func elementReply(ex *pairing.Exchange) bool {
	k := ex.Serves.Kind.String()
	return k == "array" || k == "bulk" || k == "map"
}
