package reassembly

import "github.com/respsniff/respsniff/internal/bound"

// sequencer hands out the segments of a connection in their order: at once what is due, and queued until then what
// stands behind a hole.
type sequencer struct {
	output
	clock   packetClock
	timers  timers
	options Options
	bounds  bound.Set
	limits  limits
	pool    pool
}

// deliver hands out q.segment, whose turn it is: trims what was handed out before, and moves its side's place on.
func (q *sequencer) deliver(f *flow) {
	seg := &q.segment
	h, side := &f.half[seg.From], &f.conn.Sides[seg.From]
	end := seg.Offset + int64(seg.Length)
	if old := h.next - seg.Offset; old > 0 && seg.Length > 0 {
		repeated := int(min(old, int64(seg.Length)))
		seg.Repeated += repeated
		seg.Length -= repeated
		seg.Payload = skip(seg.Payload, repeated)
		side.Repeated += int64(repeated)
	}
	if seg.Conflict = seg.Conflict && seg.Repeated > 0; seg.Conflict {
		q.stats.Conflicts++
	}
	if seg.Length == 0 {
		seg.Late = false
		seg.Payload = nil
	} else {
		side.Bytes += int64(seg.Length)
		if cut := int64(seg.Length - len(seg.Payload)); cut > 0 {
			side.Cut += cut
			q.stats.CutBytes += cut
		}
	}
	if seg.Ack > f.half[seg.From.Other()].next {
		seg.Late = true
	}
	seg.Missing, h.lost = h.lost, 0
	seg.Offset = h.next
	h.moved = true
	h.next += int64(seg.Length)
	if seg.Flags&FIN != 0 && !h.fin && end == h.next {
		h.fin = true
		h.next++
		h.high = max(h.high, h.next)
	}
	if seg.Flags&RST != 0 {
		f.rst = true
	}
	seg.Plain = seg.Flags&^PSH == ACK && seg.Missing == 0 && seg.Repeated == 0 && seg.Length == len(seg.Payload)
	q.emit()
}

// queue puts a copy of q.segment into f's backlog.
func (q *sequencer) queue(f *flow) {
	w := q.pool.segment()
	w.seg = q.segment
	w.at = q.clock.reading
	w.buf = q.pool.copyOf(q.segment.Payload)
	w.seg.Payload = w.buf
	f.backlog.push(w)
	q.stats.Buffered += w.size()
	q.stats.PeakBuffered = max(q.stats.PeakBuffered, q.stats.Buffered)
}

// drain hands out what f's backlog holds, as far as no hole stands before it:
//
//  1. What is at the front in capture order goes out if nothing before it is missing.
//  2. If bytes are missing and a segment further back has them, that one goes out first.
//  3. If none has them and they were waited for long enough, they are given up and reported as Missing.
//
// With force nothing is waited for.
func (q *sequencer) drain(f *flow, force bool) {
	b := f.backlog
	if f.forming && !q.formed(f, force) {
		return
	}
	for b.head != nil && !q.stopped {
		w := b.head
		if w.done {
			if b.head = w.next; b.head == nil {
				b.tail = nil
			}
			b.count--
			w.queued = false
			q.discard(w)
			continue
		}
		s, place, waits := f.waits(&w.seg)
		if !waits {
			q.deliverWaiting(f, w)
			continue
		}
		if fill := q.lowest(b, s); fill != nil && fill.seg.Offset <= f.half[s].next {
			next, ready := q.before(f, fill)
			if ready {
				q.deliverWaiting(f, next)
				continue
			}
			w, s, place = fill, fill.seg.From.Other(), fill.seg.Ack
		}
		if f.probeStart(s, place) {
			continue
		}
		limit, due := q.patience(f, s, w, place)
		if !force && due > q.clock.reading {
			full := q.overfull(b)
			if full == nil {
				q.timers.set(f, due)
				return
			}
			full.Hits++
			limit = noLimit
		}
		if force {
			limit = noLimit
		}
		q.giveUp(f, s, w, place, limit)
	}
	if q.stopped {
		return
	}
	q.timers.clear(f)
	for s := range b.byPlace {
		for _, w := range b.byPlace[s] {
			w.placed = false
			q.discard(w)
		}
	}
	f.backlog = nil
	q.pool.releaseBacklog(b)
	q.lingers(f)
}

// formed ends the time in which a connection without SYN waits for packets before its first, and reports whether it
// has ended.
func (q *sequencer) formed(f *flow, force bool) bool {
	b := f.backlog
	due := b.head.at + int64(q.options.ReorderWindow)
	if !force && due > q.clock.reading && b.arrivals < int64(q.options.ReorderPackets) && q.overfull(b) == nil &&
		!(f.half[A].syn && f.half[B].syn) {
		q.timers.set(f, due)
		return false
	}
	f.forming = false
	return true
}

// lingers starts the time after which a closed connection's End is handed out.
func (q *sequencer) lingers(f *flow) {
	if f.closed() && f.backlog == nil && !q.stopped {
		q.timers.set(f, q.clock.reading+int64(linger))
	}
}

// before returns what goes out next so that w can: the bytes that w acknowledges, if they wait too, else w itself. It
// is not ready if those bytes have not been captured yet.
func (q *sequencer) before(f *flow, w *waiting) (next *waiting, ready bool) {
	s := w.seg.From
	o := s.Other()
	if w.seg.Ack <= f.half[o].next {
		return w, true
	}
	x := q.lowest(f.backlog, o)
	if x == nil || x.seg.Offset > f.half[o].next {
		return w, false
	}
	if x.seg.Ack <= f.half[s].next {
		return x, true
	}
	return w, true // each acknowledges the other: w is a retransmission with a newer acknowledgement
}

// discard gives w back to the pool once neither list holds it.
func (q *sequencer) discard(w *waiting) {
	if w.queued || w.placed {
		return
	}
	q.stats.Buffered -= w.size()
	q.pool.release(w)
}

// lowest returns the segment of side s with the lowest offset that is still to be handed out, or nil.
func (q *sequencer) lowest(b *backlog, s Side) *waiting {
	for len(b.byPlace[s]) > 0 {
		if w := b.byPlace[s][0]; !w.done {
			return w
		}
		q.discard(b.takeLowest(s))
	}
	return nil
}

// deliverWaiting hands out w, or so much of it as lies before bytes that were captured earlier.
func (q *sequencer) deliverWaiting(f *flow, w *waiting) {
	b := f.backlog
	s := w.seg.From
	if w.seg.Length > 0 && w.end() > f.half[s].next && q.lowest(b, s) == w {
		b.takeLowest(s)
		if next := q.lowest(b, s); next != nil && next.seg.Offset < w.end() {
			if next.order < w.order && next.seg.Offset > f.half[s].next {
				q.deliverPart(f, w, next)
				return
			}
			if next.order > w.order && differ(w, next) {
				next.seg.Conflict = true
			}
		}
	}
	w.done = true
	b.bytes[s] -= w.seg.Length
	q.segment = w.seg
	q.deliver(f)
}

// differ compares the bytes that low has in common with high, which does not begin before it.
func differ(low, high *waiting) bool {
	tail := skip(low.seg.Payload, int(high.seg.Offset-low.seg.Offset))
	n := min(len(tail), len(high.seg.Payload))
	return string(tail[:n]) != string(high.seg.Payload[:n])
}

// deliverPart hands out the bytes of w before first and leaves in the backlog those behind it: the copy captured first
// counts.
func (q *sequencer) deliverPart(f *flow, w, first *waiting) {
	b := f.backlog
	s := w.seg.From
	cut := int(first.seg.Offset - w.seg.Offset)
	overlap := int(min(first.end(), w.end()) - first.seg.Offset)

	part := w.seg
	part.Length = cut
	part.Payload = part.Payload[:min(cut, len(part.Payload))]
	part.Flags &^= FIN

	w.seg.Conflict = w.seg.Conflict || differ(w, first)
	w.seg.Payload = skip(w.seg.Payload, cut+overlap)
	w.seg.Offset += int64(cut + overlap)
	w.seg.Length -= cut + overlap
	w.seg.Repeated += overlap
	f.conn.Sides[s].Repeated += int64(overlap)
	b.bytes[s] -= cut + overlap
	if w.seg.Length > 0 {
		b.put(w)
	}
	q.segment = part
	q.deliver(f)
}
