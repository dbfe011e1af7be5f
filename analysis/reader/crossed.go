package reader

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Packets change places on their way into a capture, and may be given the times of their new places. The order of the
// streams is certain all the same: a write that seems earlier than the one before it, or later than its reply, and a reply
// that seems later than the packet which acknowledges it, have times that are wrong by as much.

// jitter is how far the clocks of a tap may disagree, s: each queue of a network card and each processor has its own.
const jitter = 100e-6

const jitterTime = time.Duration(jitter * 1e9)

// crossed is how much later a time is than that of something which came after it, s; 0: it is not.
func crossed(first, then capture.Time) float32 {
	if d := first.Sub(then); d > jitterTime {
		return float32(d.Seconds()) // which takes two divisions
	}
	return 0
}

// crossWrites notes whether the last write crossed the one before it, or a reply that it acknowledges.
func crossWrites(c *Conn) {
	n := len(c.writes)
	w := &c.writes[n-1]
	if n > 1 {
		before := &c.writes[n-2]
		d := crossed(before.last, w.first)
		before.crossed = max(before.crossed, d)
		if d > 0 && before.flags&Resent != 0 { // the first copy was lost on the way: it left before this one
			before.first, before.last = min(before.first, w.first), w.first
		} else {
			w.crossed = max(w.crossed, d)
		}
	}
	if at := c.ackedTo - 1; at >= 0 && c.replies[at].acked == w.first {
		w.crossed = max(w.crossed, c.replies[at].crossed)
	}
}

// crossReply notes that a reply came before the write of its command.
func crossReply(c *Conn, command int32, at capture.Time) {
	i, found := slices.BinarySearchFunc(c.writes, command, func(w writeRecord, k int32) int { return int(w.index - k) })
	if !found {
		i--
	}
	if i >= 0 {
		c.writes[i].crossed = max(c.writes[i].crossed, crossed(c.writes[i].first, at))
	}
}

// ackedBefore takes an acknowledgement that stands behind a later one in the file.
func ackedBefore(c *Conn, at capture.Time, ack int64) {
	for i := c.ackedTo - 1; i >= 0 && c.replies[i].acked > at; i-- {
		if r := &c.replies[i]; r.end <= ack {
			r.acked, r.crossed = at, crossed(r.time, at)
		}
	}
	if ack == c.farAck {
		c.farTime = at
	}
}
