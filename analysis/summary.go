package analysis

import "github.com/respsniff/respsniff/capture"

// Summary counts what a run has seen.
type Summary struct {
	Connections int64 // all TCP connections
	RESP        int64 // of these, with Redis traffic
	Encrypted   int64
	Sealed      int64 // of these, to a port of Redis, and not read
	// SealedWrites counts what the clients of these wrote: each one command or more.
	SealedWrites int64
	Decrypted    int64 // connections with TLS of which something was read
	Unparsed     int64
	Replication  int64
	MidStream    int64 // RESP connections without a SYN
	OneSided     int64
	Commands     int64
	Replies      int64
	Pushes       int64
	First, Last  capture.Time
	Abandoned    int64 // callers that gave up, on connections of any policy
	Suppressed   int64 // observations too weak to be printed
	Failed       int64 // connections whose analysis panicked, and panics of rules
}

// at takes the time of a segment.
func (s *Summary) at(t capture.Time) {
	if s.First == 0 || t < s.First {
		s.First = t
	}
	s.Last = max(s.Last, t)
}
