package analysis

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
func (s *readerConn) throwsAway(st Stance) bool {
	if s.skips || st.Basis > BasisGuessed || s.turns < skipsTurns || s.desync != nil && s.desync.started {
		return s.skips
	}
	turns, together := 0, 0
	for i := 1; i+1 < min(s.log.len(), skipsAhead); i++ {
		a, b := s.log.at(i), s.log.at(i+1)
		switch {
		case !a.waits() || !a.Served || (a.Flags|b.Flags)&(Blocks|Uncertain|AfterHole|NotAwaited) != 0:
		case a.Batch == b.Batch:
			together++ // lazy writers send what they read from memory with the next command
		case !openAt(a, b):
			turns++
		case b.Time.Sub(a.EndTime) < suspectGap:
			return false // it reads from memory, or has several callers
		}
	}
	s.skips = turns*s.quick >= skipsMin*s.turns && turns >= 4*together
	return s.skips
}
