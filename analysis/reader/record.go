package reader

import (
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// What is kept of a connection: 8 bytes a command, 48 a reply, 48 a write.
type (
	commandRecord struct {
		reply int32 // its place among the replies; -1: none yet
		flags CommandFlags
	}
	replyRecord struct {
		time   capture.Time // last byte, at the tap
		acked  capture.Time // when the client acknowledged it; 0: not yet
		quiet  float32      // how long the client had sent nothing on any connection, s
		crowd  uint16       // how many of its connections had a command outstanding then
		end    int64
		index  int32
		typ    inference.Type
		unsure bool // index is not certain
		// crossed is how much earlier it was acknowledged than it came, s: its time is not its own.
		crossed float32
		start   int64
	}
	writeRecord struct {
		first, last capture.Time // of its first and last byte
		ack         int64
		start, end  int64 // place in the client's stream
		index       int32 // of its first command
		n           int32 // commands
		flags       CommandFlags
		crossed     float32 // how much its time contradicts the order of the streams by, s
	}
)

// joinGap is the longest pause between two pieces of one write that a single call into the kernel makes.
const joinGap = 20e3 // ns

// segmentSize is about the payload of a full Ethernet frame: what follows at once behind as many bytes is the rest of
// one large write.
const segmentSize = 1400

// joins reports whether a command continues the last write.
func (w *writeRecord) joins(c *Command) bool {
	gap := max(c.Time.Sub(w.last), w.last.Sub(c.Time)) // of packets that changed places the times may have, too
	switch {
	case c.Flags&Joined != 0:
		return true
	case c.Flags&AfterLoss != 0:
		return false
	case gap < joinGap:
		return true
	case w.flags&c.Flags&SetUp != 0 && c.Ack == w.ack && c.Ack >= 0 && gap < 20*time.Millisecond:
		return true // the set-up is written ahead
	}
	return (c.Start-w.start >= segmentSize || w.flags&FullSized != 0) && gap < 1e6 && c.Ack == w.ack
}
