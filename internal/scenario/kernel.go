package scenario

import (
	"hash/fnv"
	"slices"
	"time"
)

// kernelTime is how long a kernel takes to answer a packet by itself.
const kernelTime = 20 * time.Microsecond

// endpoint is one side's kernel. Sequence numbers are relative: 0 is the SYN, 1 the first byte.
type endpoint struct {
	isn      uint32
	next     int64 // to be sent next
	received int64 // all before it has arrived
	acked    int64 // the last acknowledgement sent
	early    []span
	sent     []sentSegment
	window   int
	ipid     uint16
	tsBase   uint32
	tsRecent uint32
	armed    bool          // the delayed-acknowledgement timer runs
	deadline time.Duration // for what waits to be acknowledged
	due      bool          // an acknowledgement leaves as soon as the kernel gets to it
	closed   bool          // an RST was sent or has arrived
}

type span struct{ from, to int64 }

type sentSegment struct {
	seq     int64
	payload []byte
	flags   uint8
}

// kernels is the two kernels of a connection.
type kernels struct {
	conn *connection
	ends [2]endpoint
}

func newKernels(c *connection) *kernels {
	t := &kernels{conn: c}
	for i := range t.ends {
		e := &t.ends[i]
		e.isn = c.isn[i]
		if !c.isnSet {
			e.isn = hash(c.name, c.ends[i].String(), "isn")
		}
		e.window = c.window[i]
		e.ipid = uint16(hash(c.name, c.ends[i].String(), "ipid"))
		e.tsBase = hash(c.ends[i].Addr().String(), "clock")
		if c.midstream {
			e.next, e.received, e.acked = 1, 1, 1
			e.tsRecent = hash(c.ends[1-i].Addr().String(), "clock") - 1000
		}
	}
	return t
}

func hash(parts ...string) uint32 {
	h := fnv.New32a()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return h.Sum32()
}

// acknowledge sends an acknowledgement without data.
func (w *wire) acknowledge(e event) {
	if !e.t.ends[e.side].closed {
		w.send(e, nil, sentSegment{seq: e.t.ends[e.side].next, flags: flagACK})
	}
}

// handshake sends the server's answer to a SYN (stage 1) and the client's to that (stage 2).
func (w *wire) handshake(e event) {
	c, s := &e.t.ends[client], &e.t.ends[server]
	if e.stage == 1 {
		e.side = server
		if e.act.kind == actRefusedSYN {
			s.received = 1
			w.send(e, nil, sentSegment{flags: flagRST | flagACK})
			return
		}
		s.received, s.next = 1, 0
		w.send(e, nil, sentSegment{flags: flagSYN | flagACK})
		w.push(event{at: e.at + w.answerTime(e.t.conn, server) + kernelTime, rank: eventHandshake, t: e.t, act: e.act, stage: 2})
		return
	}
	e.side = client
	c.received = 1
	w.send(e, nil, sentSegment{seq: c.next, flags: flagACK})
}

// arrive lets a segment reach the kernel of e.side.
func (w *wire) arrive(e event) {
	c, end := e.t.conn, &e.t.ends[e.side]
	if end.closed {
		return
	}
	if e.seg.flags&flagRST != 0 {
		end.closed = true
		return
	}
	end.tsRecent = e.tsval
	if e.seg.flags&flagSYN != 0 {
		return
	}
	from, to := e.seg.seq, e.seg.seq+int64(len(e.seg.payload))
	if e.seg.flags&flagFIN != 0 {
		to++
	}
	now := e.probe
	if end.acked == end.received {
		end.deadline = e.at + c.ackDelay[e.side]
	}
	switch {
	case to == from:
	case from > end.received:
		end.early = append(end.early, span{from, to})
		now = true
	case to <= end.received:
		now = true
	default:
		now = len(end.early) > 0
		end.received = to
		for again := true; again; {
			again = false
			for i, s := range end.early {
				if s.from <= end.received {
					end.received = max(end.received, s.to)
					end.early = slices.Delete(end.early, i, i+1)
					again = true
					break
				}
			}
		}
	}
	switch {
	case now || end.received-end.acked >= 2*int64(c.mss[e.side.other()]-timestampLength):
		if !end.due {
			end.due = true
			w.push(event{at: e.at + kernelTime, rank: eventAckNow, t: e.t, side: e.side})
		}
	case end.received > end.acked && !end.armed:
		end.armed = true
		w.push(event{at: e.at + c.ackDelay[e.side], rank: eventTimer, t: e.t, side: e.side})
	}
}
