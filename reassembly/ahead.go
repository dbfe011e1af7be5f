package reassembly

import (
	"fmt"
	"iter"
	"runtime/debug"
)

// Bounds of what Ahead reads ahead of its consumer.
const (
	aheadBatches  = 4       // in all: being filled, waiting, being consumed
	aheadSegments = 512     // of a batch
	aheadBytes    = 1 << 17 // of payload of a batch; a larger segment has a batch of its own
)

// Ahead walks segments in a goroutine of its own and hands them out again, in the same order: reading and reassembly
// then go on while the consumer is busy with what came before. On two processors it takes half the time of the slower
// of the two sides off the whole.
//
// What Segments says of borrowing holds. A Conn is a copy of the assembler's: its counts and Last are as of the latest
// segment that resets, ends or lacks something, everything else is up to date. A panic of segments is
// raised again where the segments are consumed, with its stack. When the consumer has stopped, or was told of the end,
// segments is not used any more.
func Ahead(segments iter.Seq2[*Segment, error]) iter.Seq2[*Segment, error] {
	return func(yield func(*Segment, error) bool) {
		a := &ahead{full: make(chan *batch, aheadBatches), empty: make(chan *batch, aheadBatches), stop: make(chan struct{})}
		go a.produce(segments)
		defer a.join()
		for b := range a.full {
			if !b.replay(yield) {
				return
			}
			a.empty <- b
		}
	}
}

// ahead is one run of Ahead. Its producer is the goroutine that walks the assembler's segments.
type ahead struct {
	full, empty chan *batch
	stop        chan struct{} // closed when the consumer wants no more

	// Of the producer alone:
	filling *batch
	made    int
	free    []*mirror
}

// batch is a run of segments on its way from one goroutine to the other.
type batch struct {
	segments []Segment
	payload  []byte
	views    []view
	faults   []fault
	ended    []*mirror // connections whose End the consumer has had
	crash    error     // the producer panicked behind the last segment
}

// view is the state of a connection from a segment of the batch on.
type view struct {
	at    int
	of    *mirror
	conn  Conn
	fresh bool // of is used for another connection
}

// fault is an error that comes before a segment of the batch.
type fault struct {
	at  int
	err error
}

// mirror is the consumer's copy of a connection. The assembler's has it as its Tag.
type mirror struct {
	conn  Conn  // of the consumer
	shown shape // of the producer: what the last view told
}

// shape is what of a Conn must be up to date at each segment.
type shape struct {
	start Start
	seen  [2]bool
	first [2]uint32
}

func shapeOf(c *Conn) shape {
	return shape{c.Start, [2]bool{c.Sides[A].Seen, c.Sides[B].Seen}, [2]uint32{c.Sides[A].FirstSeq, c.Sides[B].FirstSeq}}
}

// produce walks the segments. It closes full behind the last of them.
func (a *ahead) produce(segments iter.Seq2[*Segment, error]) {
	defer close(a.full)
	defer func() {
		if cause := recover(); cause != nil {
			if a.filling == nil {
				a.filling = &batch{}
			}
			a.filling.crash = fmt.Errorf("%v\n%s", cause, debug.Stack())
			a.send()
		}
	}()
	for seg, err := range segments {
		if !a.room(seg) {
			return
		}
		if b := a.filling; err != nil {
			b.faults = append(b.faults, fault{len(b.segments), err})
		} else {
			a.add(b, seg)
		}
	}
	a.send()
}

// room makes a batch ready that can take seg. It is false when the consumer wants no more.
func (a *ahead) room(seg *Segment) bool {
	if b := a.filling; b != nil {
		if len(b.segments) < aheadSegments && (seg == nil || len(b.payload)+len(seg.Payload) <= cap(b.payload)) && len(b.faults) < aheadSegments {
			return true
		}
		if !a.send() {
			return false
		}
	}
	if a.made < aheadBatches {
		select {
		case a.filling = <-a.empty:
		default:
			a.made++
			a.filling = &batch{segments: make([]Segment, 0, aheadSegments), payload: make([]byte, 0, aheadBytes)}
		}
	} else {
		select {
		case a.filling = <-a.empty:
		case <-a.stop:
			return false
		}
	}
	b := a.filling
	a.free = append(a.free, b.ended...)
	b.segments, b.payload, b.views, b.faults, b.ended = b.segments[:0], b.payload[:0], b.views[:0], b.faults[:0], b.ended[:0]
	return true
}

// send hands the batch over that is being filled. It is false when the consumer wants no more.
func (a *ahead) send() bool {
	b := a.filling
	if b == nil {
		return true
	}
	a.filling = nil
	select {
	case a.full <- b:
		return true
	case <-a.stop:
		return false
	}
}

// add copies a segment into the batch.
func (a *ahead) add(b *batch, seg *Segment) {
	at := len(b.segments)
	b.segments = b.segments[:at+1]
	s := &b.segments[at]
	*s = *seg
	if n := len(seg.Payload); n > 0 {
		from := len(b.payload)
		b.payload = append(b.payload, seg.Payload...)
		s.Payload = b.payload[from : from+n : from+n]
	}
	c := seg.Conn
	m, known := c.Tag.(*mirror)
	if !known {
		if n := len(a.free); n > 0 {
			m, a.free = a.free[n-1], a.free[:n-1]
		} else {
			m = &mirror{}
		}
		c.Tag = m
	}
	s.Conn = &m.conn
	if now := shapeOf(c); !known || now != m.shown || seg.End != NotEnded || seg.Flags&RST != 0 || seg.Missing > 0 || len(seg.Payload) < seg.Length {
		m.shown = now
		b.views = append(b.views, view{at, m, *c, !known})
	}
}

// replay hands the segments of the batch out. It is false when the consumer wants no more.
func (b *batch) replay(yield func(*Segment, error) bool) bool {
	views, faults := b.views, b.faults
	for i := range b.segments {
		for len(faults) > 0 && faults[0].at == i {
			if !yield(nil, faults[0].err) {
				return false
			}
			faults = faults[1:]
		}
		if len(views) > 0 && views[0].at == i {
			v := &views[0]
			tag := v.of.conn.Tag
			v.of.conn = v.conn
			if v.of.conn.Tag = tag; v.fresh {
				v.of.conn.Tag = nil
			}
			views = views[1:]
		}
		seg := &b.segments[i]
		if !yield(seg, nil) {
			return false
		}
	}
	for _, f := range faults {
		if !yield(nil, f.err) {
			return false
		}
	}
	for i := range b.views {
		if v := &b.views[i]; b.segments[v.at].End != NotEnded {
			v.of.conn.Tag = nil
			b.ended = append(b.ended, v.of)
		}
	}
	if b.crash != nil {
		panic(b.crash)
	}
	return true
}

// join ends the producer and waits until it has ended.
func (a *ahead) join() {
	close(a.stop)
	for range a.full {
	}
}
