package tlsrecord

import (
	"iter"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/reassembly"
)

// Stage reads the records of all connections of one run.
type Stage struct {
	Kept *Kept // nil: secrets are not gathered

	keys     *keylog.Log
	sessions sessions
	tickets  serverTickets
	trials   *bound.Bound
	tried    int                    // of trials
	used     map[keylog.Random]bool // secrets of connections found by trial
	proxied  proxied
	output
}

// New returns a stage that reads what keys opens; nil: nothing.
func New(keys *keylog.Log, bounds *bound.Set) *Stage {
	return &Stage{keys: keys, sessions: newSessions(bounds), tickets: newServerTickets(bounds), trials: newTrials(bounds), proxied: proxied{}}
}

// Segments hands on the segments of connections without TLS as they are, and those of the others with what their records hold.
func (s *Stage) Segments(in iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error] {
	return func(yield func(*reassembly.Segment, error) bool) {
		s.yield = yield
		in(func(seg *reassembly.Segment, err error) bool {
			if err != nil {
				return yield(nil, err)
			}
			if seg.Conn.Encryption == nil {
				if p := seg.Payload; len(p) == 0 || p[0]-typeChangeCipherSpec > typeApplicationData-typeChangeCipherSpec || len(p) > 1 && p[1] != 3 || !s.begins(seg) {
					if seg.Offset == 0 || len(s.proxied) > 0 { // else there is nothing to see
						s.proxied.see(seg)
					}
					return yield(seg, nil)
				}
				delete(s.proxied, seg.Conn)
				s.open(seg.Conn)
			}
			c, _ := seg.Conn.Encryption.State.(*conn)
			if c == nil {
				return yield(seg, nil)
			}
			return s.segment(c, seg)
		})
	}
}

// begins reports whether TLS begins with a segment, whose payload begins like a record. Behind bytes in the clear it does behind the
// header of a proxy only: a value may hold a ClientHello, and the border of a segment may lie before it. Where a capture begins in the
// middle of a connection, the first border of a record may be one record later.
func (s *Stage) begins(seg *reassembly.Segment) bool {
	p := seg.Payload
	switch before := seg.Conn.Sides[seg.From].Bytes - int64(seg.Length); {
	case len(p) < headerSize: // no command begins so
		return before == 0 && seg.Missing+seg.Offset == 0 && seg.Conn.Start != reassembly.MidStream && p[0] == typeHandshake && seg.Length == len(p)
	case before == 0 && seg.Missing+seg.Offset == 0 || s.proxied[seg.Conn]:
		return isClientHello(p) || before == 0 && bordersAt(p, seg.Length)
	case seg.Conn.Start != reassembly.MidStream:
		return false
	case before == 0:
		return bordersAt(p, seg.Length)
	default:
		return before < maxRecord && bordersAt(p, seg.Length) && chains(p)
	}
}

// conn is what is known of one connection.
type conn struct {
	info    *reassembly.Encryption
	seen    Sealed // what records are that cannot be read
	hello   hello
	half    [2]direction // by reassembly.Side
	client  reassembly.Side
	certain bool // which side is the client
	search  searchState
	master  []byte        // of TLS 1.2
	random  keylog.Random // whose secrets opened it, where it was found by trial
	reason  string        // why nothing is read; "": unless it is known, something may be
	passed  int           // records of the application, as far as is seen, that passed for the handshake's
	failed  int64         // records of the application that did not open
}

// open begins with a connection.
func (s *Stage) open(c *reassembly.Conn) {
	t := &conn{info: &reassembly.Encryption{}, certain: c.Start != reassembly.MidStream, search: notSearched}
	t.info.State = t
	t.client = reassembly.A
	if !t.certain && c.Ends[0].Port() < c.Ends[1].Port() {
		t.client = reassembly.B
	}
	c.Encryption = t.info
}

// segment takes the next segment of a connection with TLS.
func (s *Stage) segment(c *conn, seg *reassembly.Segment) bool {
	d, other := &c.half[seg.From], &c.half[seg.From.Other()]
	if seg.End != reassembly.NotEnded {
		s.Kept.take(seg.Conn.ID, c, s.keys)
		c.end()
		return s.yield(seg, nil)
	}
	if !d.begun {
		d.begun = true
		d.taken = seg.Offset - seg.Missing
		d.done, d.told = d.taken, d.taken
	}
	s.begin(seg, d, other)
	// A server has nothing to say to a client that has not asked yet.
	d.idle = seg.Conn.Start != reassembly.MidStream && seg.From != c.client && c.seen.first == 0
	if seg.Missing > 0 {
		s.hole(c, d, seg.Missing, true)
	}
	if seg.Length > 0 {
		s.payload(c, d, seg.Payload)
		if unseen := seg.Length - len(seg.Payload); unseen > 0 {
			s.hole(c, d, int64(unseen), false)
		}
	}
	d.closed = d.closed || seg.Flags&(reassembly.FIN|reassembly.RST) != 0
	if d.lost || d.closed {
		d.giveUp()
	}
	return s.finish()
}

// end says at last what was not read of a connection, and why.
func (c *conn) end() {
	c.info.Unread, c.info.State = c.unread(), nil
	for k := range c.half {
		c.half[k] = direction{}
	}
}
