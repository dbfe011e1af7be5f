package pairing

import (
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp/commands"
)

// torn remembers a command that began where the bytes of another one were due.
type torn struct {
	start   int64 // of the interrupted command
	offset  int64 // of the one behind it
	segment int64 // frame
	file    int32
	time    capture.Time
	gap     time.Duration
}

// watchTorn looks, before a segment of the client is read, whether it begins a new command in the middle of another:
// the write of that one was interrupted, a pause passed, and the connection was used again.
func watchTorn(s *Session, seg *reassembly.Segment) {
	start, inside := s.requests.Partial()
	if s.torn != nil && (!inside || start != s.torn.start) && s.badRequests == 0 {
		s.Shared.paused = max(s.Shared.paused, s.torn.gap)
		s.torn = nil // it came to its end after all: the bytes were its own
	}
	last := &s.LastData[RoleClient]
	if s.torn != nil || !inside || seg.Missing > 0 || s.SeenHole() || s.cut[RoleClient] || !last.Seen {
		return
	}
	gap := seg.Time.Sub(last.Time)
	switch {
	case gap < max(quietAfter, 3*s.MinRTT): // TCP itself pauses no longer
	case commands.Like(seg.Payload) != commands.LikeRequest:
		s.Shared.paused = max(s.Shared.paused, gap)
	default:
		s.torn = &torn{start, seg.Offset, seg.Frame, seg.File, seg.Time, gap}
	}
}

// reportTorn reports the interrupted write, once it is sure: the server complained, or the command never came to its end, and no
// write of the run that went on had paused for so long.
func reportTorn(s *Session, refused bool) {
	t := s.torn
	if t == nil {
		return
	}
	s.torn = nil
	start, inside := s.requests.Partial()
	if !refused && s.Start == reassembly.MidStream {
		return // how long its writes pause was seen before the capture
	}
	if !refused && (!inside || start != t.start || t.gap <= s.Shared.paused) {
		return
	}
	if end := &s.Closing[RoleClient]; !refused && !end.Fin && !end.Rst && s.LastData[RoleClient].frame == t.segment {
		return // the capture ends there: more of it may follow
	}
	s.Sink.Oddity(&Oddity{
		Session: s, What: TornWrite, Frame: t.segment, File: t.file, Time: t.time, Offset: t.offset, Gap: t.gap, From: t.start, Refused: refused,
	})
}
