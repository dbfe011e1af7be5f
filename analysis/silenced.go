package analysis

import (
	"math/bits"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp/commands"
)

// Where CLIENT REPLY OFF or SKIP keeps commands from their replies, a client that knows it goes on in its own time, and the next
// user of a connection that was left so waits in vain. A command that only reads asks for nothing but a reply. Its caller waited
// if the client did nothing for longer than it pauses behind commands that change something, as those show on the same
// connection: each such read is as likely by chance as that is rare, and one behind which it paused as usual refutes it.

// leastWait is the shortest pause that may be a caller's wait: no client is set to give up sooner.
const leastWait = 50 * time.Millisecond

// silenced is what a client does on a connection on which replies are switched off.
type silenced struct {
	ex     pairing.Exchange // a copy of the last command
	mode   string           // what keeps it from its reply
	reads  bool             // it does nothing else
	pauses [40]int          // behind commands that change something, by the power of two of their length in microseconds
	n      int              // of all of them
	odds   float64          // of the waits so far, if nobody waited
	waits  []vainWait       // that are not told yet; at most untoldWaits
	told   bool
}

// vainWait is a read whose caller may have waited in vain.
type vainWait struct {
	ex     pairing.Exchange
	mode   string
	gap    time.Duration
	closed bool // the wait ended with the client's close
}

// untoldWaits bounds the waits that are too few to tell.
const untoldWaits = 8

// awaitSilenced takes the command that was sent last, where the server was told to send no replies. A PING may be there to keep the
// connection alive.
func awaitSilenced(s *Session, ex *pairing.Exchange) {
	if ex.Flags&(pairing.Queued|pairing.AfterQuit) != 0 || ex.Command == nil {
		return
	}
	reads := ex.Command.Is(commands.ReadOnly)
	mode, ok := s.Silenced(ex)
	if !ok || !reads && !ex.Command.Is(commands.Write) {
		return
	}
	if s.silenced == nil {
		s.silenced = &silenced{odds: 1}
	}
	w := s.silenced
	w.ex, w.mode, w.reads = *ex, mode, reads
}

// chance is how likely a pause of such a length is behind a command whose reply nobody awaits.
func (w *silenced) chance(length int) float64 {
	longer := 0
	for _, n := range w.pauses[length:] {
		longer += n
	}
	return float64(longer+1) / float64(w.n+2)
}

// silencedUntil takes that the client goes on or away.
func silencedUntil(s *Session, at capture.Time, closed bool) {
	w := s.silenced
	if w.mode == "" {
		return
	}
	gap := at.Sub(w.ex.EndTime)
	length := min(bits.Len64(uint64(max(gap, 0)/time.Microsecond)), len(w.pauses)-1)
	switch {
	case !w.reads:
		if !closed {
			w.pauses[length]++
			w.n++
		}
	case gap < leastWait || w.chance(length) > 0.5:
		w.odds, w.waits = 1, nil
	default:
		w.odds *= w.chance(length)
		if len(w.waits) < untoldWaits {
			w.waits = append(w.waits, vainWait{w.ex, w.mode, gap, closed})
		}
	}
	w.mode = ""
	if !w.told && reader.WordOf(1-w.odds) < reader.Likely {
		return
	}
	w.told = w.told || len(w.waits) > 0
	for i := range w.waits {
		v := &w.waits[i]
		s.run.emit(&pairing.Oddity{
			Session: &s.Session, What: pairing.StaleMode, Frame: v.ex.Frame, File: v.ex.File, Time: v.ex.Time, Offset: v.ex.Start, Exchange: &v.ex,
			Gap: v.gap, Text: v.mode, Closed: v.closed,
		})
	}
	w.waits = nil
}
