package reassembly

import (
	"math"

	"github.com/respsniff/respsniff/internal/bound"
)

// overfull returns a limit beyond which a connection queues behind its holes; nil: there is none.
func (q *sequencer) overfull(b *backlog) *bound.Bound {
	switch {
	case b.count > q.limits.holePackets.Limit:
		return q.limits.holePackets
	case q.stats.Buffered > q.limits.buffered.Limit:
		return q.limits.buffered
	case max(b.bytes[A], b.bytes[B]) > q.limits.holeBytes.Limit:
		return q.limits.holeBytes
	}
	return nil
}

// noLimit is a place beyond any stream.
const noLimit = math.MaxInt64

// patience returns the clock reading at which the hole before place in side s's stream, for which w waits, is given up,
// and up to which place that holds.
func (q *sequencer) patience(f *flow, s Side, w *waiting, place int64) (limit, due int64) {
	b, sides := f.backlog, &f.conn.Sides
	now := q.clock.reading
	limit = noLimit
	if !sides[s].Seen && sides[s].Lost > 0 {
		return limit, now // this side was never captured: its bytes will not come
	}
	due = w.at + int64(q.options.HoleTimeout)
	if !sides[s.Other()].Seen {
		due = w.at + int64(oneSidedTimeout)
	}
	if due <= now {
		return limit, due
	}
	for _, m := range b.beyond(s, f.half[s].next) {
		at := m.at + int64(q.options.ReorderWindow)
		if b.arrivals-m.arrivals >= int64(q.options.ReorderPackets) {
			at = now
		}
		if at > now {
			due = min(due, at)
			break
		}
		if limit, due = m.place, at; limit >= place {
			break
		}
	}
	return limit, due
}

// giveUp closes the hole before place in side s's stream that w waits for, but not beyond limit.
func (q *sequencer) giveUp(f *flow, s Side, w *waiting, place, limit int64) {
	h, side := &f.half[s], &f.conn.Sides[s]
	follows := false // the segment behind the hole comes out of the backlog next, and reports the loss
	if lowest := q.lowest(f.backlog, s); lowest != nil && lowest.seg.Offset <= place {
		follows = (lowest == w || lowest.seg.Offset < place) && lowest.seg.Ack <= f.half[s.Other()].next
		place = lowest.seg.Offset
	}
	if limit < place {
		place, follows = limit, false
	}
	lost := place - h.next
	h.moved = true
	h.next = place
	h.high = max(h.high, place)
	h.lost += lost
	side.Lost += lost
	q.stats.LostBytes += lost
	q.stats.Holes++
	if follows {
		return
	}
	q.segment = Segment{
		Conn: &f.conn, From: s, Time: w.seg.Time, Frame: w.seg.Frame, File: w.seg.File,
		Offset: place, Missing: h.lost, Ack: NoAck, Header: Header{RawSeq: side.FirstSeq + uint32(place)},
	}
	h.lost = 0
	q.emit()
}
