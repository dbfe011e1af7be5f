package tlsrecord

import (
	"bytes"
	"iter"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/reassembly"
)

// patience is how long, in time of packets, a connection waits for its secrets. A client that writes them to a file does so before
// it sends what they encrypt; one that logs through a stream, or on another host, is late by its buffers and the way.
const patience = time.Second

// maxWaiting is how many bytes wait, of all connections.
const maxWaiting = 8 << 20

// Wait hands segments on, for a log that grows while packets come: where a connection with TLS begins whose secrets are not there
// yet, what it says waits for them. A segment may then come behind younger ones of other connections, as behind a hole.
func Wait(keys *keylog.Log, bounds *bound.Set, in iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	w := &waiter{keys: keys, conns: map[*reassembly.Conn]*waits{}, max: bounds.New(bound.Bound{
		Name: "bytes that wait for secrets of TLS", Limit: bounds.Scaled(maxWaiting), Loses: bound.Detail, Hides: "what was said on connections whose secrets came late",
	})}
	return func(yield func(*reassembly.Segment, error) bool) {
		w.yield, w.stopped = yield, false
		in(func(seg *reassembly.Segment, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			w.segment(seg)
			return !w.stopped
		})
		for len(w.order) > 0 && !w.stopped {
			w.release(w.order[0])
		}
	}
}

// waiter holds segments back.
type waiter struct {
	keys    *keylog.Log
	max     *bound.Bound
	conns   map[*reassembly.Conn]*waits // whose secrets are not known to be there
	order   []*waits                    // those with segments, in the order in which they began to wait
	bytes   int
	yield   func(*reassembly.Segment, error) bool
	stopped bool
}

// waits is a connection whose ClientHello was seen.
type waits struct {
	conn     *reassembly.Conn
	random   keylog.Random
	since    capture.Time
	segments []reassembly.Segment
}

// segment takes the next segment of any connection.
func (w *waiter) segment(seg *reassembly.Segment) {
	for len(w.order) > 0 && seg.Time.Sub(w.order[0].since) >= patience {
		w.release(w.order[0])
	}
	c, p := w.conns[seg.Conn], seg.Payload
	switch {
	case c == nil:
		if isClientHello(p) {
			w.conns[seg.Conn] = &waits{conn: seg.Conn, random: keylog.Random(p[randomAt:])}
		}
	case seg.End != reassembly.NotEnded:
		w.release(c)
	case len(c.segments) > 0 || len(p) > 0 && (p[0] == typeApplicationData || p[0] == typeChangeCipherSpec):
		if !w.known(c.random) && w.max.Admits(w.bytes+len(p)) {
			w.hold(c, seg)
			return
		}
		w.release(c)
	}
	w.emit(seg)
}

// randomAt is where the random of a ClientHello begins: behind the headers of record and message, and the version.
const randomAt = headerSize + 4 + 2

// known reports whether all secrets of a connection are there.
func (w *waiter) known(r keylog.Random) bool {
	s, ok := w.keys.Find(r)
	return ok && (s.Master != nil || s.Client != nil && s.Server != nil)
}

func (w *waiter) hold(c *waits, seg *reassembly.Segment) {
	if len(c.segments) == 0 {
		c.since = seg.Time
		w.order = append(w.order, c)
	}
	c.segments = append(c.segments, *seg)
	c.segments[len(c.segments)-1].Payload = bytes.Clone(seg.Payload)
	w.bytes += len(seg.Payload)
}

// release hands on what waits of a connection, of which nothing waits from now on.
func (w *waiter) release(c *waits) {
	delete(w.conns, c.conn)
	for i := range w.order {
		if w.order[i] == c {
			w.order = append(w.order[:i], w.order[i+1:]...)
			break
		}
	}
	for i := range c.segments {
		w.bytes -= len(c.segments[i].Payload)
		w.emit(&c.segments[i])
	}
	c.segments = nil
}

func (w *waiter) emit(seg *reassembly.Segment) {
	w.stopped = w.stopped || !w.yield(seg, nil)
}
