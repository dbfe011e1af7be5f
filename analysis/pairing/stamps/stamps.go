// Package stamps finds packets that were never captured by the TCP timestamps that they carried (RFC 7323, section 3): their
// receiver echoes them.
package stamps

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// Found is what was found.
type Found struct {
	// Unechoed counts packets without new bytes that were never captured: the peer echoed a timestamp that none of the captured
	// packets carries. Echo is the first such timestamp, EchoFrame the packet that echoes it.
	Unechoed  int
	Echo      uint32
	EchoFrame int64
	EchoFile  int32
	EchoTime  capture.Time
	EchoOf    int // who sent the packet that is missing: 0 the client, 1 the server
}

// Clocks compares the timestamps of both sides of a connection.
type Clocks struct {
	of [2]echoes // of the timestamps that each side sent
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

// Hole takes that bytes of a side are missing: they carried timestamps too, and the bytes show the loss better.
func (c *Clocks) Hole(who int) {
	c.of[0].waiting, c.of[1].waiting = false, false
	c.of[who].known, c.inStep = false, false
}

// Follows is the early return of Stamp where nothing is to be noted but the timestamp. It is inlined.
func (c *Clocks) Follows(who int, seg *reassembly.Segment) bool {
	own, peer := &c.of[who], &c.of[1-who]
	if !c.inStep || int32(seg.TSVal-own.last) < 0 || int32(seg.TSEcr-peer.last) > 0 {
		return false
	}
	own.last = seg.TSVal
	return true
}

// Stamp takes every segment with timestamps, after Hole.
func (c *Clocks) Stamp(who int, seg *reassembly.Segment, found *Found) {
	own, peer := &c.of[who], &c.of[1-who]
	if own.waiting && own.echo == seg.TSVal {
		own.waiting = false // it stood behind its echo in the file
	}
	if !own.known || int32(seg.TSVal-own.last) > 0 {
		own.last, own.known = seg.TSVal, true
	}
	c.inStep = own.known && peer.known && !own.waiting && !peer.waiting
	if int32(seg.TSEcr-peer.last) <= 0 || !peer.known || seg.Ack == reassembly.NoAck || peer.waiting && peer.echo == seg.TSEcr {
		return
	}
	peer.settle(found, 1-who)
	c.inStep = false
	peer.waiting, peer.echo, peer.frame, peer.file, peer.time = true, seg.TSEcr, seg.Frame, seg.File, seg.Time
}

// Settle adds the echoes that still wait for their packets.
func (c *Clocks) Settle(found *Found) {
	for who, clock := range c.of { // a copy: it may be asked again
		clock.settle(found, who)
	}
}

// settle counts the echo that waits for its packet: the packet was not captured.
func (e *echoes) settle(found *Found, who int) {
	if !e.waiting {
		return
	}
	e.waiting = false
	if found.Unechoed++; found.Unechoed == 1 {
		found.Echo, found.EchoFrame, found.EchoFile, found.EchoTime, found.EchoOf = e.echo, e.frame, e.file, e.time, who
	}
}
