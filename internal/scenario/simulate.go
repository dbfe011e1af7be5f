package scenario

import (
	"container/heap"
	"hash/fnv"
	"iter"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// kernelTime is how long a kernel takes to answer a packet by itself.
const kernelTime = 20 * time.Microsecond

// Packets gives the conversation as packets in order of time, then damaged as the scenario says, the same each time it
// is called. Their Data is not borrowed. No error occurs; the pair is what packet consumers take.
func (s *Scenario) Packets() iter.Seq2[capture.Packet, error] {
	if len(s.damages) == 0 {
		return s.play
	}
	return func(yield func(capture.Packet, error) bool) {
		for _, p := range s.List() {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// play gives the packets as they were on the wire.
func (s *Scenario) play(yield func(capture.Packet, error) bool) {
	w := wire{s: s, yield: yield}
	w.run()
}

// List returns Packets as a slice.
func (s *Scenario) List() []capture.Packet {
	var out []capture.Packet
	for p := range s.play {
		out = append(out, p)
	}
	if len(s.damages) > 0 {
		out = Apply(out, s.damages...)
	}
	return out
}

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

// talkers is the two kernels of a connection.
type talkers struct {
	conn *connection
	ends [2]endpoint
}

// event is something that happens at a time: to one kernel, or in its program.
type event struct {
	at    time.Duration
	rank  eventRank
	order int64
	t     *talkers
	side  side
	act   *action // eventAction, and what caused eventSegment
	off   int     // eventSegment: place in act.payload
	seg   sentSegment
	tsval uint32
	probe bool
	stage int             // eventHandshake
	copy  *capture.Packet // eventCopy
}

// eventRank orders events of one time: what arrives is there before a program acts, and a kernel waits for the
// program's data before it acknowledges by itself.
type eventRank uint8

const (
	eventCopy eventRank = iota // a packet passes the capture point later than it was sent, or once more
	eventArrival
	eventHandshake
	eventAction
	eventSegment
	eventTimer
	eventAckNow
)

// wire plays the actions of a scenario.
type wire struct {
	s     *Scenario
	yield func(capture.Packet, error) bool
	queue eventQueue
	order int64
	frame int64
	done  bool
}

func (w *wire) run() {
	all := make([]*talkers, len(w.s.conns))
	for i, c := range w.s.conns {
		all[i] = newTalkers(c)
		if c.used && !c.synSeen && !c.midstream {
			w.push(event{at: c.firstAt - c.rtt - 5*kernelTime, rank: eventAction, t: all[i], act: &action{
				conn: c, kind: actSYN, window: -1, ack: -1, ipid: -1,
			}})
		}
	}
	actions := make([]*action, len(w.s.actions))
	for i := range actions {
		actions[i] = &w.s.actions[i]
	}
	slices.SortStableFunc(actions, func(a, b *action) int { return int(max(-1, min(1, a.at-b.at))) })
	for !w.done && (len(actions) > 0 || len(w.queue) > 0) {
		if len(actions) > 0 {
			next := event{at: actions[0].at, rank: eventAction}
			if len(w.queue) == 0 || next.before(w.queue[0]) {
				next.t, next.act = all[actions[0].conn.number], actions[0]
				actions = actions[1:]
				w.handle(next)
				continue
			}
		}
		w.handle(heap.Pop(&w.queue).(event))
	}
}

func newTalkers(c *connection) *talkers {
	t := &talkers{conn: c}
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

func (w *wire) push(e event) {
	w.order++
	e.order = w.order
	heap.Push(&w.queue, e)
}

func (w *wire) handle(e event) {
	switch e.rank {
	case eventCopy:
		w.deliver(*e.copy, e.at)
	case eventArrival:
		w.arrive(e)
	case eventHandshake:
		w.handshake(e)
	case eventAction:
		w.act(e)
	case eventSegment:
		w.segment(e)
	case eventTimer:
		end := &e.t.ends[e.side]
		end.armed = false
		switch {
		case end.acked == end.received:
		case e.at < end.deadline: // what the timer was set for left with data, and more has arrived since
			end.armed = true
			w.push(event{at: end.deadline, rank: eventTimer, t: e.t, side: e.side})
		default:
			w.acknowledge(e)
		}
	case eventAckNow:
		end := &e.t.ends[e.side]
		if end.due {
			w.acknowledge(e)
		}
	}
}

func (w *wire) acknowledge(e event) {
	if !e.t.ends[e.side].closed {
		w.send(e, nil, sentSegment{seq: e.t.ends[e.side].next, flags: flagACK})
	}
}

// answerTime is how long after a packet from side s was captured the other side's first answer to it can be captured.
func (w *wire) answerTime(c *connection, s side) time.Duration {
	if s.other() == w.s.vantage {
		return 0
	}
	return c.rtt
}

func (w *wire) act(e event) {
	a := e.act
	e.side = a.from
	end := &e.t.ends[a.from]
	switch a.kind {
	case actSYN, actRefusedSYN, actUnansweredSYN:
		end.next = 0
		w.send(e, a, sentSegment{flags: flagSYN})
		if a.kind != actUnansweredSYN {
			w.push(event{at: e.at + w.answerTime(e.t.conn, client) + kernelTime, rank: eventHandshake, t: e.t, act: a, stage: 1})
		}
	case actData:
		e.off = 0
		w.segment(e)
	case actFIN:
		w.send(e, a, sentSegment{seq: end.next, flags: flagFIN | flagACK})
	case actRST:
		w.send(e, a, sentSegment{seq: end.next, flags: flagRST | flagACK})
	case actBareRST:
		w.send(e, a, sentSegment{seq: end.next, flags: flagRST})
	case actACK:
		if a.window >= 0 {
			end.window = a.window
		}
		w.send(e, a, sentSegment{seq: end.next, flags: flagACK})
	case actKeepalive:
		w.send(e, a, sentSegment{seq: end.next - 1, flags: flagACK})
	case actAgain:
		if n := a.number; n <= len(end.sent) && len(end.sent) > 0 {
			if n == 0 {
				n = len(end.sent)
			}
			w.send(e, a, end.sent[n-1])
		}
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

// segment sends the part of a write that fits one segment and plans the next.
func (w *wire) segment(e event) {
	a := e.act
	end := &e.t.ends[a.from]
	to := segmentEnd(a, e.off)
	s := sentSegment{seq: end.next, payload: a.payload[e.off:to], flags: flagACK}
	if to == len(a.payload) {
		if !a.noPush {
			s.flags |= flagPSH
		}
		if a.fin {
			s.flags |= flagFIN
		}
	} else {
		w.push(event{at: e.at + segmentTime, rank: eventSegment, t: e.t, side: a.from, act: a, off: to})
	}
	end.sent = append(end.sent, s)
	w.send(e, a, s)
}

// send puts a segment on the wire at e.at and lets it arrive. a may be nil: the kernel sends by itself.
func (w *wire) send(e event, a *action, s sentSegment) {
	c, end := e.t.conn, &e.t.ends[e.side]
	ack := end.received
	if a != nil && a.ack >= 0 {
		ack = a.ack
	}
	if s.flags&flagACK != 0 {
		end.acked = max(end.acked, end.received)
		end.due = false
	}
	size := int64(len(s.payload))
	if s.flags&(flagSYN|flagFIN) != 0 {
		size++
	}
	end.next = max(end.next, s.seq+size)
	if s.flags&flagRST != 0 {
		end.closed = true
	}
	tsval := end.tsBase + uint32(e.at.Milliseconds())
	if a == nil || !a.unseen {
		w.emit(e, a, s, ack, tsval)
	} else if !c.noIPID {
		end.ipid++
	}
	if a != nil && a.lost || s.flags&flagRST != 0 && s.flags&flagACK != 0 && a == nil {
		return
	}
	late := time.Duration(0)
	if a != nil {
		late = a.late
	}
	w.push(event{
		at: e.at + late + w.answerTime(c, e.side), rank: eventArrival, t: e.t, side: e.side.other(), seg: s, tsval: tsval,
		probe: a != nil && a.kind == actKeepalive,
	})
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

// emit builds the packet.
func (w *wire) emit(e event, a *action, s sentSegment, ack int64, tsval uint32) {
	c, end, peer := e.t.conn, &e.t.ends[e.side], &e.t.ends[e.side.other()]
	h := header{
		from: c.ends[e.side], to: c.ends[e.side.other()],
		seq: end.isn + uint32(s.seq), flags: s.flags, ttl: uint8(c.ttl[e.side]),
		timestamps: !c.noTimestamps, tsval: tsval, mss: uint16(c.mss[e.side]),
	}
	if s.flags&flagACK != 0 {
		h.ack = peer.isn + uint32(ack)
		h.tsecr = end.tsRecent
	}
	window := end.window >> windowScale
	if s.flags&flagSYN != 0 {
		window = min(end.window, 65535)
	}
	h.window = uint16(window)
	if s.flags == flagRST|flagACK && a == nil || s.flags == flagRST {
		h.window, h.timestamps = 0, false
	}
	if s.flags == flagRST|flagACK && a == nil { // nobody listens: RFC 9293 section 3.10.7.1
		h.seq = 0
	}
	if !c.noIPID && !(s.flags&flagSYN != 0 && e.side == server) {
		h.ipid = end.ipid
		end.ipid++
	}
	if a != nil {
		if a.ttl > 0 {
			h.ttl = uint8(a.ttl)
		}
		if a.ipid >= 0 {
			h.ipid = uint16(a.ipid)
		}
	}
	p := build(w.s.link, h, s.payload)
	late := time.Duration(0)
	if a != nil {
		late = a.late
	}
	if late > 0 {
		w.push(event{at: e.at + late, rank: eventCopy, copy: &p})
	} else {
		w.deliver(p, e.at)
	}
	if a != nil && a.twice {
		w.push(event{at: e.at + late + spanDelay, rank: eventCopy, copy: &p})
	}
}

// deliver hands a packet out as captured at a time.
func (w *wire) deliver(p capture.Packet, at time.Duration) {
	w.frame++
	p.Time, p.Frame = w.s.Time(at), w.frame
	if !w.done && !w.yield(p, nil) {
		w.done = true
	}
}

// eventQueue is a heap by time, rank and order of planning.
type eventQueue []event

func (e event) before(o event) bool {
	if e.at != o.at {
		return e.at < o.at
	}
	if e.rank != o.rank {
		return e.rank < o.rank
	}
	return e.order < o.order
}

func (q eventQueue) Len() int           { return len(q) }
func (q eventQueue) Less(i, j int) bool { return q[i].before(q[j]) }
func (q eventQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)        { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}
