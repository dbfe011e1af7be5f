package reader

import (
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// A client that gave up on a reply is not behind if it throws the late reply away: multiplexers do, and so do all that
// keep a queue of callers, however few these are. The next commands tell the two apart. A caller that finds an older
// reply in memory does not wait for the network: whenever the next command is due sooner than a reply takes to come, it
// is written before the caller's own reply has arrived. How often that must happen, the connection's clean sends show.

// Bounds of the look ahead.
const (
	skipsAhead = 1 << 11 // commands
	skipsTurns = 16      // clean sends that say how soon the callers of a connection follow one another
	skipsMin   = 8       // commands that a reader from memory would have written too soon, where none was
)

// throwsAway reports whether what follows the front of the log shows callers that wait for their own replies although
// older ones are there to be read. It asks connections only of which nothing but their sends tells how they are read.
func throwsAway(s *Conn, st client.Stance) bool {
	if s.skips || st.Basis > client.BasisGuessed || s.Turns < skipsTurns || s.Desync != nil && s.Desync.started {
		return s.skips
	}
	turns, together := 0, 0
	for i := 1; i+1 < min(s.Log.Len(), skipsAhead); i++ {
		a, b := s.Log.At(i), s.Log.At(i+1)
		switch {
		case !a.Waits() || !a.Served || (a.Flags|b.Flags)&(pairing.Blocks|pairing.Uncertain|pairing.AfterHole|pairing.NotAwaited) != 0:
		case a.Batch == b.Batch:
			together++ // lazy writers send what they read from memory with the next command
		case !openAt(a, b):
			turns++
		case b.Time.Sub(a.EndTime) < pairing.SuspectGap:
			return false // it reads from memory, or has several callers
		}
	}
	s.skips = turns*s.Quick >= skipsMin*s.Turns && turns >= 4*together
	return s.skips
}
