package reassembly

import (
	"github.com/respsniff/respsniff/capture"
)

// open begins a connection with the packet at hand and returns it with the side that sent the packet.
func (a *Assembler) open(p *packet, cp *capture.Packet) (*flow, Side) {
	if a.flows.used >= a.options.MaxConns {
		a.makeRoom()
	}
	f := a.flows.take()
	f.pair = p.pair()
	f.active = a.clock.reading
	a.stats.Conns++
	c := &f.conn
	c.ID = a.options.Numbered + a.stats.Conns
	c.First, c.Last, c.File = cp.Time, cp.Time, cp.File
	from := A
	switch p.Flags & (SYN | ACK) {
	case SYN:
		c.Start = Handshake
	case SYN | ACK:
		c.Start = HandshakeB
		from = B
	default:
		f.forming = p.Flags&RST == 0
	}
	f.flip = from ^ p.larger()
	c.Ends[from], c.Ends[from.Other()] = a.decoder.ends.of(p)
	a.table.insert(f)
	return f, from
}

// makeRoom gives up a connection: one that has ended, else the idlest.
func (a *Assembler) makeRoom() {
	if a.forgetOldest() {
		return
	}
	if f := a.flows.idlest(&a.hand, a.clock.reading); f != nil {
		if !f.closed() { // else nothing but late packets would have come
			a.limits.conns.Hits++
		}
		a.close(f, EndEvicted)
		if f.state == flowEnded {
			a.forget(f)
		}
	}
}

// close hands out what waits on f, then its End: how it closed, else otherwise. f stays in the table for a while to
// swallow late packets.
func (a *Assembler) close(f *flow, otherwise End) {
	if f.backlog != nil {
		a.drain(f, true)
	}
	a.timers.clear(f)
	if a.stopped {
		return
	}
	end := f.end(otherwise)
	at := a.clock.latest
	if end == EndFIN || end == EndRST {
		at = f.conn.Last
	}
	a.segment = Segment{Conn: &f.conn, End: end, Time: at, Ack: NoAck}
	a.emit()
	f.conn.Tag = nil
	f.state, f.steady = flowEnded, false
	if a.ended.full() {
		a.forgetOldest()
	}
	for a.ended.due(a.clock.latest) {
		a.forgetOldest()
	}
	a.ended.push(f, a.clock.latest)
}

// forgetOldest frees the connection that ended first and reports whether there was one.
func (a *Assembler) forgetOldest() bool {
	f := a.ended.oldest(&a.flows)
	if f == nil {
		return false
	}
	a.forget(f)
	return true
}

func (a *Assembler) forget(f *flow) {
	a.table.remove(f)
	a.near.forget(f)
	a.flows.give(f)
}

// reopen reports whether p, sent by side s, begins another connection between the ends of f.
func (a *Assembler) reopen(f *flow, s Side, p *packet, t capture.Time) bool {
	h, peer := &f.half[s], &f.half[s.Other()]
	sides := &f.conn.Sides
	switch p.Flags & (SYN | ACK | RST) {
	case SYN:
		if !h.based { // simultaneous open (RFC 9293 section 3.5)
			return f.closed() || f.state == flowEnded
		}
		return !f.matches(s, p.RawSeq+1) && !a.early(f, s, p, t)
	case SYN | ACK:
		answers := peer.based && p.RawAck-sides[s.Other()].FirstSeq <= 0xffff // data with the SYN may be acknowledged too
		switch {
		case !h.based:
			return !answers && !f.forming
		case f.matches(s, p.RawSeq+1), a.early(f, s, p, t):
			return false
		case answers && peer.syn && sides[A].Bytes+sides[B].Bytes == 0 && !f.closed() && f.state == flowLive:
			// The server forgot its first answer, as SYN cookies make it, or what came was of the connection before.
			if f.backlog != nil && !h.syn { // once a connection, because it walks the backlog
				f.backlog.forget(s)
			}
			f.rebase(s, p.RawSeq+1)
			h.syn, h.fin, peer.acked = true, false, 0
			return false
		}
		return true
	}
	if p.Length == 0 || p.Flags&RST != 0 || !h.based {
		return false
	}
	idle := a.clock.reading - f.active
	distance := f.offset(s, p.RawSeq, h.next) - h.next
	if f.closed() || f.state == flowEnded {
		return idle > int64(farIdle) && (distance < -farOff || distance > farOff)
	}
	if idle <= int64(farIdleLive) || (distance >= -farOffLive && distance <= farOffLive) || !peer.based {
		return false
	}
	acked := f.offset(s.Other(), p.RawAck, peer.next) - peer.next
	return acked < -farOffLive || acked > farOffLive
}

// matches says that first is the sequence number of offset 0 of side s.
func (f *flow) matches(s Side, first uint32) bool { return f.conn.Sides[s].FirstSeq == first }

// maxEarly is how far before the first captured byte a SYN may lie that stands in the file behind it.
const maxEarly = 4 << 20

// early says that p is the SYN of f itself, which began in the middle because the file has it out of order.
func (a *Assembler) early(f *flow, s Side, p *packet, t capture.Time) bool {
	if f.half[s].syn || f.state != flowLive {
		return false
	}
	before := f.conn.Sides[s].FirstSeq - (p.RawSeq + 1)
	return before <= maxEarly && t.Sub(f.conn.First) <= a.options.ReorderWindow
}
