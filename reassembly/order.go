package reassembly

import "math"

// deliver hands out a.segment, whose turn it is: trims what was handed out before, and moves its side's place on.
func (a *Assembler) deliver(f *flow) {
	seg := &a.segment
	h, side := &f.half[seg.From], &f.conn.Sides[seg.From]
	end := seg.Offset + int64(seg.Length)
	if old := h.next - seg.Offset; old > 0 && seg.Length > 0 {
		repeated := int(min(old, int64(seg.Length)))
		seg.Repeated += repeated
		seg.Length -= repeated
		seg.Payload = skip(seg.Payload, repeated)
		side.Repeated += int64(repeated)
	}
	seg.Conflict = seg.Conflict && seg.Repeated > 0
	if seg.Length == 0 {
		seg.Late = false
		seg.Payload = nil
	} else {
		side.Bytes += int64(seg.Length)
		if cut := int64(seg.Length - len(seg.Payload)); cut > 0 {
			side.Cut += cut
			a.stats.CutBytes += cut
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
	a.emit()
}

// lingers starts the time after which a closed connection's End is handed out.
func (a *Assembler) lingers(f *flow) {
	if f.closed() && f.backlog == nil && !a.stopped {
		a.timers.set(f, a.clock.reading+int64(linger))
	}
}

// queue puts a copy of a.segment into f's backlog.
func (a *Assembler) queue(f *flow) {
	w := a.pool.segment()
	w.seg = a.segment
	w.at = a.clock.reading
	w.buf = a.pool.copyOf(a.segment.Payload)
	w.seg.Payload = w.buf
	f.backlog.push(w)
	a.stats.Buffered += w.size()
	a.stats.PeakBuffered = max(a.stats.PeakBuffered, a.stats.Buffered)
}

// drain hands out what f's backlog holds, as far as no hole stands before it:
//
//  1. What is at the front in capture order goes out if nothing before it is missing.
//  2. If bytes are missing and a segment further back has them, that one goes out first.
//  3. If none has them and they were waited for long enough, they are given up, and Missing tells of it.
//
// With force nothing is waited for.
func (a *Assembler) drain(f *flow, force bool) {
	b := f.backlog
	if f.forming && !a.formed(f, force) {
		return
	}
	for b.head != nil && !a.stopped {
		w := b.head
		if w.done {
			if b.head = w.next; b.head == nil {
				b.tail = nil
			}
			b.count--
			w.queued = false
			a.discard(w)
			continue
		}
		s, place, waits := f.waits(&w.seg)
		if !waits {
			a.deliverWaiting(f, w)
			continue
		}
		if fill := a.lowest(b, s); fill != nil && fill.seg.Offset <= f.half[s].next {
			next, ready := a.before(f, fill)
			if ready {
				a.deliverWaiting(f, next)
				continue
			}
			w, s, place = fill, fill.seg.From.Other(), fill.seg.Ack
		}
		if f.probeStart(s, place) {
			continue
		}
		limit, due := a.patience(f, s, w, place)
		switch {
		case force || due <= a.clock.reading:
		case a.overfull(b):
			a.stats.HoleCaps++
			limit = noLimit
		default:
			a.timers.set(f, due)
			return
		}
		if force {
			limit = noLimit
		}
		a.giveUp(f, s, w, place, limit)
	}
	if a.stopped {
		return
	}
	a.timers.clear(f)
	for s := range b.byPlace {
		for _, w := range b.byPlace[s] {
			w.placed = false
			a.discard(w)
		}
	}
	f.backlog = nil
	a.pool.releaseBacklog(b)
	a.lingers(f)
}

// before returns what goes out next so that w can: the bytes that w acknowledges, if they wait too, else w itself. It
// is not ready if those bytes have not been captured yet.
func (a *Assembler) before(f *flow, w *waiting) (next *waiting, ready bool) {
	s := w.seg.From
	o := s.Other()
	if w.seg.Ack <= f.half[o].next {
		return w, true
	}
	x := a.lowest(f.backlog, o)
	if x == nil || x.seg.Offset > f.half[o].next {
		return w, false
	}
	if x.seg.Ack <= f.half[s].next {
		return x, true
	}
	return w, true // each acknowledges the other: w is a retransmission with a newer acknowledgement
}

// discard gives w back to the pool once neither list holds it.
func (a *Assembler) discard(w *waiting) {
	if w.queued || w.placed {
		return
	}
	a.stats.Buffered -= w.size()
	a.pool.release(w)
}

// lowest returns the segment of side s with the lowest offset that is still to be handed out, or nil.
func (a *Assembler) lowest(b *backlog, s Side) *waiting {
	for len(b.byPlace[s]) > 0 {
		if w := b.byPlace[s][0]; !w.done {
			return w
		}
		a.discard(b.takeLowest(s))
	}
	return nil
}

func (a *Assembler) overfull(b *backlog) bool {
	return b.count > a.options.MaxHolePackets || a.stats.Buffered > a.options.MaxBuffered ||
		b.bytes[A] > a.options.MaxHoleBytes || b.bytes[B] > a.options.MaxHoleBytes
}

// noLimit is a place beyond any stream.
const noLimit = math.MaxInt64

// patience returns the clock reading at which the hole before place in side s's stream, for which w waits, is given up,
// and up to which place that holds.
func (a *Assembler) patience(f *flow, s Side, w *waiting, place int64) (limit, due int64) {
	b, sides := f.backlog, &f.conn.Sides
	now := a.clock.reading
	limit = noLimit
	if !sides[s].Seen && sides[s].Lost > 0 {
		return limit, now // this side was never captured: its bytes will not come
	}
	due = w.at + int64(a.options.HoleTimeout)
	if !sides[s.Other()].Seen {
		due = w.at + int64(oneSidedTimeout)
	}
	if due <= now {
		return limit, due
	}
	for _, m := range b.beyond(s, f.half[s].next) {
		at := m.at + int64(a.options.ReorderWindow)
		if b.arrivals-m.arrivals >= int64(a.options.ReorderPackets) {
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

// deliverWaiting hands out w, or so much of it as lies before bytes that were captured earlier.
func (a *Assembler) deliverWaiting(f *flow, w *waiting) {
	b := f.backlog
	s := w.seg.From
	if w.seg.Length > 0 && w.end() > f.half[s].next && a.lowest(b, s) == w {
		b.takeLowest(s)
		if next := a.lowest(b, s); next != nil && next.seg.Offset < w.end() {
			if next.order < w.order && next.seg.Offset > f.half[s].next {
				a.deliverPart(f, w, next)
				return
			}
			if next.order > w.order && differ(w, next) {
				next.seg.Conflict = true
			}
		}
	}
	w.done = true
	b.bytes[s] -= w.seg.Length
	a.segment = w.seg
	a.deliver(f)
}

// differ compares the bytes that low has in common with high, which does not begin before it.
func differ(low, high *waiting) bool {
	tail := skip(low.seg.Payload, int(high.seg.Offset-low.seg.Offset))
	n := min(len(tail), len(high.seg.Payload))
	return string(tail[:n]) != string(high.seg.Payload[:n])
}

// deliverPart hands out the bytes of w before first and leaves in the backlog those behind it: the copy captured first
// counts.
func (a *Assembler) deliverPart(f *flow, w, first *waiting) {
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
	a.segment = part
	a.deliver(f)
}

// giveUp closes the hole before place in side s's stream that w waits for, but not beyond limit.
func (a *Assembler) giveUp(f *flow, s Side, w *waiting, place, limit int64) {
	h, side := &f.half[s], &f.conn.Sides[s]
	follows := false // the segment behind the hole comes out of the backlog next, and tells of it
	if lowest := a.lowest(f.backlog, s); lowest != nil && lowest.seg.Offset <= place {
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
	a.stats.LostBytes += lost
	a.stats.Holes++
	if follows {
		return
	}
	a.segment = Segment{
		Conn: &f.conn, From: s, Time: w.seg.Time, Frame: w.seg.Frame, File: w.seg.File,
		Offset: place, Missing: h.lost, Ack: NoAck, RawSeq: side.FirstSeq + uint32(place),
	}
	h.lost = 0
	a.emit()
}
