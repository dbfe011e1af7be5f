package pairing

import (
	"github.com/respsniff/respsniff/analysis/pairing/stamps"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// Hidden is what the capture lost or hid of one connection. Arrays are indexed by who sent: 0 the client, 1 the server.
// It is complete in Ended.
type Hidden struct {
	Frame int64 // the connection's first packet, in File
	File  int32
	Seen  [2]bool  // any packet of this side was captured
	Bytes [2]int64 // stream bytes, with those of Cut
	Lost  [2]int64 // never captured
	Cut   [2]int64 // beyond the snapshot length
	Holes int      // runs of lost bytes
	First Hole     // the first of them; Missing 0: none

	stamps.Found

	// Reframed counts the requests and replies whose boundary had to be searched.
	Reframed int
	// Unanchored counts replies that could not be tied to a command.
	Unanchored int
	// Anchored reports that in the end each reply was tied to a command by more than a guess.
	Anchored bool
}

// Hole is a run of bytes that were never captured.
type Hole struct {
	FromClient bool
	Offset     int64 // its place in the stream
	Missing    int64
	Frame      int64 // the packet behind it, or the one that acknowledged it
	File       int32
	Time       capture.Time
}

// hidden gathers Hidden while the connection lives.
type hidden struct {
	Hidden
	clocks stamps.Clocks
}

// hole takes a segment before which bytes are missing.
func (h *hidden) hole(who int, seg *reassembly.Segment) {
	h.Holes++
	if h.First.Missing == 0 {
		h.First = Hole{who == RoleClient, seg.Offset - seg.Framing - seg.Missing, seg.Missing, seg.Frame, seg.File, seg.Time}
	}
	h.clocks.Hole(who)
}
