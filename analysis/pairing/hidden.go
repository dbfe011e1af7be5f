package pairing

import (
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

	// Unechoed counts packets without new bytes that were never captured: the peer echoed a TCP timestamp that none of
	// the captured packets carries (RFC 7323, section 3). Echo is the first such timestamp, EchoFrame the packet that
	// echoes it.
	Unechoed  int
	Echo      uint32
	EchoFrame int64
	EchoFile  int32
	EchoTime  capture.Time
	EchoOf    int // who sent the packet that is missing

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
	clocks [2]echoes // of the timestamps that each role sent
	// inStep says that the timestamps of both sides are known and no echo waits. Then a segment that is not older than the
	// one before it, and echoes nothing newer, shows nothing.
	inStep bool
}

// echoes compares the TCP timestamps that one side sent with those that its peer echoes.
type echoes struct {
	last    uint32 // newest timestamp seen of this side
	echo    uint32 // one that no packet so far carries
	known   bool
	waiting bool // for the packet that carries echo
	file    int32
	frame   int64
	time    capture.Time
}

// hole takes a segment before which bytes are missing.
func (h *hidden) hole(who int, seg *reassembly.Segment) {
	h.Holes++
	if h.First.Missing == 0 {
		h.First = Hole{who == RoleClient, seg.Offset - seg.Missing, seg.Missing, seg.Frame, seg.File, seg.Time}
	}
	// What is missing carried timestamps too, and the bytes show the loss better.
	h.clocks[RoleClient].waiting, h.clocks[RoleServer].waiting = false, false
	h.clocks[who].known, h.inStep = false, false
}

// follows is the early return of stamp where nothing is to be noted but the timestamp. It is inlined.
func (h *hidden) follows(own, peer *echoes, seg *reassembly.Segment) bool {
	if !h.inStep || int32(seg.TSVal-own.last) < 0 || int32(seg.TSEcr-peer.last) > 0 {
		return false
	}
	own.last = seg.TSVal
	return true
}

// stamp takes every segment with TCP timestamps, after hole.
func (h *hidden) stamp(who int, seg *reassembly.Segment) {
	own, peer := &h.clocks[RoleClient], &h.clocks[RoleServer]
	if who == RoleServer {
		own, peer = peer, own
	}
	if own.waiting && own.echo == seg.TSVal {
		own.waiting = false // it stood behind its echo in the file
	}
	if !own.known || int32(seg.TSVal-own.last) > 0 {
		own.last, own.known = seg.TSVal, true
	}
	h.inStep = own.known && peer.known && !own.waiting && !peer.waiting
	if int32(seg.TSEcr-peer.last) <= 0 || !peer.known || seg.Ack == reassembly.NoAck || peer.waiting && peer.echo == seg.TSEcr {
		return
	}
	peer.settle(&h.Hidden, 1-who)
	h.inStep = false
	peer.waiting, peer.echo, peer.frame, peer.file, peer.time = true, seg.TSEcr, seg.Frame, seg.File, seg.Time
}

// settle counts the echo that waits for its packet: the packet was not captured.
func (e *echoes) settle(h *Hidden, who int) {
	if !e.waiting {
		return
	}
	e.waiting = false
	if h.Unechoed++; h.Unechoed == 1 {
		h.Echo, h.EchoFrame, h.EchoFile, h.EchoTime, h.EchoOf = e.echo, e.frame, e.file, e.time, who
	}
}
