package reassembly

import "math/bits"

// waiting is a segment that waits for a hole of its connection to fill. As long as it waits, seg.Offset and seg.Length
// are those of the packet and not yet trimmed.
type waiting struct {
	seg    Segment
	next   *waiting // in capture order; in a free list, the next free one
	order  int64    // arrival, counted on the connection
	at     int64    // clock reading on arrival
	buf    []byte   // holds seg.Payload; nil if there is none
	done   bool     // handed out
	queued bool     // in the list by capture order
	placed bool     // in the heap by offset
}

func (w *waiting) end() int64 { return w.seg.Offset + int64(w.seg.Length) }

// waitingSize is what a waiting segment counts for beside its buffer, in bytes.
const waitingSize = 288

func (w *waiting) size() int { return waitingSize + cap(w.buf) }

// milestone says when the peer had acknowledged up to a place for the first time.
type milestone struct {
	place    int64
	at       int64 // clock reading
	arrivals int64
}

// backlog is what one connection queues from the moment a hole opens until none is left.
type backlog struct {
	head, tail *waiting
	count      int
	arrivals   int64
	bytes      [2]int         // payload queued, by direction
	byPlace    [2][]*waiting  // heaps by offset, then arrival, of the segments that take up places: payload or FIN
	acks       [2][]milestone // of each side's stream, ascending; those at or below half.next are dropped
}

// push queues w, which is the latest in capture order.
func (b *backlog) push(w *waiting) {
	b.arrivals++
	w.order = b.arrivals
	w.queued = true
	if b.tail == nil {
		b.head = w
	} else {
		b.tail.next = w
	}
	b.tail = w
	b.count++
	b.bytes[w.seg.From] += w.seg.Length
	if w.seg.Length > 0 || w.seg.Flags&FIN != 0 {
		b.put(w)
	}
	if o := w.seg.From.Other(); w.seg.Ack != NoAck {
		if n := len(b.acks[o]); n == 0 || w.seg.Ack > b.acks[o][n-1].place {
			b.acks[o] = append(b.acks[o], milestone{w.seg.Ack, w.at, w.order})
		}
	}
}

// put sorts w in by its offset.
func (b *backlog) put(w *waiting) {
	w.placed = true
	b.byPlace[w.seg.From] = heapPush(b.byPlace[w.seg.From], w)
}

// takeLowest takes out the segment of direction s with the lowest offset.
func (b *backlog) takeLowest(s Side) *waiting {
	w := b.byPlace[s][0]
	b.byPlace[s] = heapPop(b.byPlace[s])
	w.placed = false
	return w
}

// beyond drops the milestones of side s up to place and returns those beyond.
func (b *backlog) beyond(s Side, place int64) []milestone {
	n := 0
	for n < len(b.acks[s]) && b.acks[s][n].place <= place {
		n++
	}
	b.acks[s] = b.acks[s][n:]
	return b.acks[s]
}

// shift moves every offset in side s's stream by -by.
func (b *backlog) shift(s Side, by int64) {
	for w := b.head; w != nil; w = w.next {
		if w.seg.From == s {
			w.seg.Offset -= by
		} else if w.seg.Ack != NoAck {
			w.seg.Ack -= by
		}
	}
	for i := range b.acks[s] {
		b.acks[s][i].place -= by
	}
}

// forget drops what waits of side s, with what it acknowledges.
func (b *backlog) forget(s Side) {
	for w := b.head; w != nil; w = w.next {
		if w.seg.From == s && !w.done {
			w.done = true
			b.bytes[s] -= w.seg.Length
		}
	}
	b.acks[s.Other()] = b.acks[s.Other()][:0]
}

// dropFar drops what waits for places further than farOff beyond the next ones of the two sides, and counts it.
func (b *backlog) dropFar(next ...int64) (dropped int64) {
	for w := b.head; w != nil; w = w.next {
		seg := &w.seg
		far := seg.Offset-next[seg.From] > farOff || seg.Ack != NoAck && seg.Ack-next[seg.From.Other()] > farOff
		if far && !w.done {
			w.done = true
			b.bytes[seg.From] -= seg.Length
			dropped++
		}
	}
	return dropped
}

// swap exchanges the sides.
func (b *backlog) swap() {
	for w := b.head; w != nil; w = w.next {
		w.seg.From = w.seg.From.Other()
	}
	b.bytes[A], b.bytes[B] = b.bytes[B], b.bytes[A]
	b.byPlace[A], b.byPlace[B] = b.byPlace[B], b.byPlace[A]
	b.acks[A], b.acks[B] = b.acks[B], b.acks[A]
}

func before(a, b *waiting) bool {
	if a.seg.Offset != b.seg.Offset {
		return a.seg.Offset < b.seg.Offset
	}
	return a.order < b.order
}

func heapPush(h []*waiting, w *waiting) []*waiting {
	h = append(h, w)
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !before(h[i], h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
	return h
}

func heapPop(h []*waiting) []*waiting {
	last := len(h) - 1
	h[0], h[last] = h[last], nil
	h = h[:last]
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(h) {
			return h
		}
		if child+1 < len(h) && before(h[child+1], h[child]) {
			child++
		}
		if !before(h[child], h[i]) {
			return h
		}
		h[i], h[child] = h[child], h[i]
		i = child
	}
}

// Buffers are kept by powers of two from 256 bytes to 128 KiB, which holds the largest GRO segment of an ordinary link.
const (
	minBuffer   = 8
	maxBuffer   = 17
	maxRetained = 1 << 20 // bytes kept for later use
)

// pool keeps waiting segments, backlogs and payload buffers for use again.
type pool struct {
	segments *waiting
	backlogs []*backlog
	buffers  [maxBuffer - minBuffer + 1][][]byte
	retained int
}

func (p *pool) segment() *waiting {
	w := p.segments
	if w == nil {
		return &waiting{}
	}
	p.segments = w.next
	p.retained -= waitingSize
	*w = waiting{}
	return w
}

// copyOf returns a copy of data in a buffer from the pool.
func (p *pool) copyOf(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	class := max(bits.Len(uint(len(data)-1)), minBuffer)
	if class > maxBuffer {
		return append([]byte(nil), data...)
	}
	list := &p.buffers[class-minBuffer]
	if n := len(*list); n > 0 {
		buf := (*list)[n-1]
		*list = (*list)[:n-1]
		p.retained -= cap(buf)
		return append(buf, data...)
	}
	return append(make([]byte, 0, 1<<class), data...)
}

func (p *pool) release(w *waiting) {
	if c := cap(w.buf); c > 0 && c == 1<<(bits.Len(uint(c))-1) && c >= 1<<minBuffer && c <= 1<<maxBuffer &&
		p.retained+c <= maxRetained {
		class := bits.Len(uint(c)) - 1
		p.buffers[class-minBuffer] = append(p.buffers[class-minBuffer], w.buf[:0])
		p.retained += c
	}
	if p.retained+waitingSize <= maxRetained {
		*w = waiting{next: p.segments}
		p.segments = w
		p.retained += waitingSize
	}
}

// maxBacklogs bounds the empty backlogs kept, maxHeap the heap capacity that one keeps.
const (
	maxBacklogs = 64
	maxHeap     = 512
)

func (p *pool) backlog() *backlog {
	n := len(p.backlogs)
	if n == 0 {
		return &backlog{}
	}
	b := p.backlogs[n-1]
	p.backlogs = p.backlogs[:n-1]
	return b
}

func (p *pool) releaseBacklog(b *backlog) {
	if len(p.backlogs) >= maxBacklogs {
		return
	}
	heaps, acks := b.byPlace, b.acks
	*b = backlog{}
	for s, h := range heaps {
		if cap(h) <= maxHeap {
			clear(h[:cap(h)])
			b.byPlace[s] = h[:0]
		}
		if cap(acks[s]) <= maxHeap {
			b.acks[s] = acks[s][:0]
		}
	}
	p.backlogs = append(p.backlogs, b)
}
