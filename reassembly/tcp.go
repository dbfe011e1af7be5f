package reassembly

import (
	"github.com/respsniff/respsniff/capture"
)

// tcp takes in the decoded packet, which side s of f sent, f nil if it is of no connection known: works out its place in
// the stream, and hands it out or queues it.
func (a *Assembler) tcp(f *flow, s Side, cp *capture.Packet) {
	p := &a.packet
	switch {
	case f == nil:
		f, s = a.open(p, cp)
	case a.reopen(f, s, p, cp.Time):
		if f.state == flowLive {
			if f.backlog != nil { // the file may have packets of the new connection before its SYN
				a.stats.OutOfWindow += f.backlog.dropFar(f.half[A].next, f.half[B].next)
			}
			a.close(f, EndReused)
		}
		if a.stopped {
			return
		}
		a.forget(f)
		f, s = a.open(p, cp)
	}
	if a.stopped {
		return
	}
	if f.state == flowEnded {
		a.stats.AfterEnd++
		return
	}
	p.Conn, p.From, p.Time = &f.conn, s, cp.Time
	seen := a.recent.see(p, f.ahead(s, p))
	if seen == copied {
		a.stats.Duplicates++
		f.conn.Sides[s].Repeated += int64(p.Length)
		return
	}
	a.arrive(f, s, cp, seen == conflict)
}

// ahead reports whether p has payload and all of it lies behind what was captured of side s, and not far.
func (f *flow) ahead(s Side, p *packet) bool {
	h := &f.half[s]
	return p.Length > 0 && p.Flags&RST == 0 && h.based && p.RawSeq-h.first-uint32(h.high) < farOff
}

// arrive places the packet at hand in the stream of side s of f.
func (a *Assembler) arrive(f *flow, s Side, cp *capture.Packet, differs bool) {
	p := &a.packet
	f.steady = false
	h, peer := &f.half[s], &f.half[s.Other()]
	side := &f.conn.Sides[s]
	f.active = a.clock.reading
	if cp.Time > f.conn.Last {
		f.conn.Last = cp.Time
	}
	side.Packets++
	seq := p.RawSeq
	if p.Flags&SYN != 0 {
		seq++
		if !h.syn {
			h.syn, h.scale = true, p.scale
			if s = a.adopt(f, s); h != &f.half[s] {
				h, peer, side = &f.half[s], &f.half[s.Other()], &f.conn.Sides[s]
			}
		}
	}
	a.base(f, s, seq)
	side.Seen = true

	off := f.offset(s, seq, h.next)
	if f.forming && !h.moved && p.Length > 0 && off < h.next && h.next-off <= maxEarly {
		h.next = off
	}
	length, payload := p.Length, p.Payload
	if p.Flags&RST != 0 { // a RST may carry text for people (RFC 9293 section 3.5.3), which is not of the stream
		length, payload = 0, nil
	}
	reach := int64(maxWindow)
	// A RST is often made by a middlebox or a crashed host, with numbers of its own, and a SYN may be answered with an
	// acknowledgement of the connection before (RFC 9293 section 3.10.7.4).
	if p.Flags&RST != 0 || peer.syn && !h.syn && peer.high == 0 {
		reach = farOff
	}
	if off-h.next > reach || h.next-off > maxWindow {
		if p.Flags&RST == 0 {
			a.stats.OutOfWindow++
		}
		off, length, payload = h.next, 0, nil
	}
	ack := NoAck
	if p.Flags&ACK != 0 {
		ref := max(peer.next, peer.acked)
		ack = f.offset(s.Other(), p.RawAck, ref)
		switch {
		case ack-ref > reach || ref-ack > maxWindow:
			a.stats.OutOfWindow++
			ack = NoAck
		case ack > peer.acked:
			peer.acked = ack
		}
	}

	seg := &a.segment
	// Field by field, all of them: a composite literal is built aside and copied, which costs a tenth of the whole path.
	seg.Conn, seg.From, seg.Flags, seg.End = &f.conn, s, p.Flags, NotEnded
	seg.Time, seg.Frame, seg.File = cp.Time, cp.Frame, cp.File
	seg.Offset, seg.Length, seg.Payload = off, length, payload
	seg.Missing, seg.Ack = 0, ack
	seg.Late, seg.Repeated, seg.Conflict, seg.Probe = false, 0, differs, false
	seg.RawSeq, seg.RawAck, seg.Window = p.RawSeq, p.RawAck, p.Window
	seg.TTL, seg.IPID = p.TTL, p.IPID
	seg.HasTS, seg.TSVal, seg.TSEcr = p.HasTS, p.TSVal, p.TSEcr
	if h.scale > 0 && peer.scale > 0 && p.Flags&SYN == 0 {
		seg.Window <<= h.scale - 1
	}
	seg.Probe = length <= 1 && off == h.high-1 && p.Flags&(SYN|FIN|RST) == 0 && side.Packets > 1
	end := off + int64(length)
	if length > 0 {
		a.compare(f, seq)
	}
	if length > 0 && end > h.next && max(off, h.next) < h.high {
		seg.Late = !h.precedes(seg)
		a.stats.Reordered++
	}
	if end > h.high {
		h.high = end
		h.highTime, h.highTS, h.highID = seg.Time, seg.TSVal, seg.IPID
	}

	if f.backlog == nil {
		if _, _, waits := f.waits(seg); !waits && !f.forming {
			a.deliver(f)
			a.lingers(f)
			f.settled()
			return
		}
		f.backlog = a.pool.backlog()
	}
	a.queue(f)
	a.drain(f, false)
}

// compare compares the segment at hand, which begins at seq, with what was captured of the same places before, and keeps what
// is new of it.
func (a *Assembler) compare(f *flow, seq uint32) {
	seg := &a.segment
	h, from := &f.half[seg.From], (&a.packet).sender()&^1|uint32(seg.From^f.flip) // flip: the sides may yet change places
	known := h.next
	if seg.Offset < h.high && !seg.Probe { // the octet of a probe may be any (RFC 9293 section 3.8.4)
		if !seg.Conflict && a.kept.differ(from, seq, seg.Payload) {
			seg.Conflict = true
			a.recent.forget(&a.packet)
		}
		if seg.Conflict {
			known = h.high // the first copy counts
		}
	}
	old := int(max(known-seg.Offset, 0))
	if part := skip(seg.Payload, old); len(part) > 0 {
		a.kept.add(from, seq+uint32(old), part)
	}
}

// base fixes what is still unknown of where the two streams start: at the SYN, else at the first byte seen or the first
// place acknowledged.
func (a *Assembler) base(f *flow, s Side, seq uint32) {
	p := &a.packet
	h := &f.half[s]
	switch {
	case !h.based:
		f.rebase(s, seq)
		if p.Flags&(SYN|RST) == 0 {
			h.bare = p.Length == 0
			f.forming = f.forming || f.half[s.Other()].syn
		}
	case !f.conn.Sides[s].Seen && !h.moved && p.Length > 0:
		// Until now only the peer's ACK showed this side: bytes before that place are still new.
		if off := f.offset(s, seq, 0); off < 0 && off > -maxWindow {
			h.next, h.high = off, off
		}
	}
	if peer := &f.half[s.Other()]; p.Flags&ACK != 0 && !peer.based {
		f.rebase(s.Other(), p.RawAck)
		if h.syn && p.Flags&(SYN|RST) == 0 { // the SYN-ACK, which would show it for certain, may stand behind in the file
			f.forming = true
		}
	}
}

// adopt takes in the first SYN of side s and returns which side that is then.
func (a *Assembler) adopt(f *flow, s Side) Side {
	p := &a.packet
	opener := s
	if p.Flags&ACK != 0 {
		opener = s.Other()
	}
	if f.forming && opener != A && !f.half[A].moved && !f.half[B].moved {
		f.swap()
		s = s.Other()
		opener = A
	}
	h := &f.half[s]
	if h.based {
		if by := f.offset(s, p.RawSeq+1, h.next); f.forming && !h.moved && f.backlog != nil && by != 0 && by >= -maxEarly && by <= 0 {
			f.backlog.shift(s, by)
			f.setFirst(s, p.RawSeq+1)
			h.next, h.high, h.acked = 0, h.high-by, h.acked-by
		}
		if !f.matches(s, p.RawSeq+1) {
			return s
		}
		h.bare = false
	}
	switch {
	case opener != A:
	case s == A:
		f.conn.Start = Handshake
	case f.conn.Start == MidStream:
		f.conn.Start = HandshakeB
	}
	return s
}

// waits reports whether seg must wait, for which side's bytes, and up to which place: for those directly before its own,
// or for those of the peer that it acknowledges.
func (f *flow) waits(seg *Segment) (s Side, place int64, waits bool) {
	if s = seg.From; seg.Offset > f.half[s].next {
		return s, seg.Offset, true
	}
	if s = s.Other(); seg.Ack > f.half[s].next {
		return s, seg.Ack, true
	}
	return A, 0, false
}

// probeStart recognises that the first packet of side s was a keep-alive probe, one place before the next byte due, so
// that its place is one too low and no byte is missing; it corrects that.
func (f *flow) probeStart(s Side, place int64) bool {
	h := &f.half[s]
	if !h.bare || h.syn || f.conn.Sides[s].Bytes > 0 || place-h.next != 1 {
		return false
	}
	h.bare = false
	h.next = place
	h.high = max(h.high, place)
	return true
}
