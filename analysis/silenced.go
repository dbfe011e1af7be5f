package analysis

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp/commands"
)

// silencedPause is the pause that shows a caller waiting: a client that knows that there will be no reply goes on at once.
const silencedPause = 100 * time.Millisecond

// silenced is a command that CLIENT REPLY OFF or SKIP keeps from its reply though it asks for nothing else.
type silenced struct {
	ex   pairing.Exchange // a copy
	mode string
}

// awaitSilenced takes the command that was sent last: one that only reads, where the server was told to send no replies. A PING
// may be there to keep the connection alive.
func awaitSilenced(s *Session, ex *pairing.Exchange) {
	if ex.Flags&(pairing.Queued|pairing.AfterQuit) != 0 || !ex.Command.Is(commands.ReadOnly) {
		return
	}
	if mode, ok := s.Silenced(ex); ok {
		s.silenced = &silenced{*ex, mode}
	}
}

// silencedUntil emits a command whose caller waited in vain, when the client goes on or away.
func silencedUntil(s *Session, at capture.Time, closed bool) {
	w := s.silenced
	s.silenced = nil
	gap := at.Sub(w.ex.EndTime)
	if gap < silencedPause {
		return
	}
	s.run.emit(&pairing.Oddity{
		Session: &s.Session, What: pairing.StaleMode, Frame: w.ex.Frame, File: w.ex.File, Time: w.ex.Time, Offset: w.ex.Start, Exchange: &w.ex,
		Gap: gap, Text: w.mode, Closed: closed,
	})
}
