package scenario

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
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
	all := make([]*kernels, len(w.s.conns))
	for i, c := range w.s.conns {
		all[i] = newKernels(c)
		if c.used && !c.synSeen && !c.midstream {
			syn := newAction(c, client)
			syn.kind = actSYN
			w.push(event{at: c.firstAt - c.rtt - 5*kernelTime, rank: eventAction, t: all[i], act: &syn})
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

// deliver hands a packet out as captured at a time.
func (w *wire) deliver(p capture.Packet, at time.Duration) {
	w.frame++
	p.Time, p.Frame = w.s.Time(at), w.frame
	if !w.done && !w.yield(p, nil) {
		w.done = true
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
	p, err := build(w.s.link, h, s.payload)
	if err != nil {
		w.done = true
		w.yield(p, fmt.Errorf("%s: %w", c.name, err))
		return
	}
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
