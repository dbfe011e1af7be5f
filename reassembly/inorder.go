package reassembly

import "github.com/respsniff/respsniff/capture"

// inOrder takes in the packet at hand where it is one of nearly all packets: the next bytes of an established connection on
// which nothing waits, acknowledging what was captured and handed out, without SYN, FIN, RST or URG. It does
// what reopen, arrive, base, waits, deliver and lingers do for such a packet, and reports false, having changed nothing,
// for any other.
func (a *Assembler) inOrder(f *flow, s Side, cp *capture.Packet) bool {
	seg := &a.packet.Segment
	h, peer, side := &f.half[A], &f.half[B], &f.conn.Sides[A]
	if s != A { // conditional moves, cheaper than indices
		h, peer, side = peer, h, &f.conn.Sides[B]
	}
	behind := uint32(peer.next) + peer.first - seg.RawAck // bytes of the peer that were handed out and are not acknowledged
	if !f.steady || seg.Flags&^PSH != ACK || seg.RawSeq != h.first+uint32(h.next) || behind >= farOff {
		return false
	}
	seg.Conn, seg.From = &f.conn, s
	seg.Time, seg.Frame, seg.File = cp.Time, cp.Frame, cp.File
	if seg.Length == 0 && a.recent.see(&a.packet, false) == copied {
		a.stats.Duplicates++
		return true
	}
	f.active = a.clock.reading
	f.conn.Last = max(f.conn.Last, cp.Time)
	ack := peer.next - int64(behind)
	peer.acked = max(peer.acked, ack)
	seg.Offset, seg.Ack = h.next, ack
	h.moved = true
	side.Packets++
	a.stats.Segments++
	seg.Plain = true
	if length := seg.Length; length > 0 {
		h.next += int64(length)
		h.high = h.next // its time is asked for only while something waits, which arrive has noted
		side.Bytes += int64(length)
		if length != len(seg.Payload) {
			seg.Plain = false
			cut := int64(length - len(seg.Payload))
			side.Cut += cut
			a.stats.CutBytes += cut
		}
		var content uint32
		if len(seg.Payload) <= 64 { // not by sample, a call more
			content = sampleShort(seg.Payload)
		} else {
			content = sampleLong(seg.Payload)
		}
		p := &a.packet
		from := p.sender()
		a.recent.note(from, p.RawSeq, p.place(from), content, p.fingerprint(), cp.Time)
		a.kept.add(from^uint32(f.flip), p.RawSeq, seg.Payload)
	} else {
		seg.Payload = nil
	}
	seg.Window <<= f.shift[s&1] & 15 // which recent knows unscaled
	a.stopped = !a.yield(&a.packet.Segment, nil)
	return true
}

// settled notes whether inOrder may take the next packet of f. Whatever makes that untrue (a queue, an End) clears
// steady first.
func (f *flow) settled() {
	a, b := &f.half[A], &f.half[B]
	f.steady = f.state == flowLive && f.backlog == nil && !f.forming && !f.closed() && a.settled() && b.settled() &&
		f.conn.Sides[A].Seen && f.conn.Sides[B].Seen
	f.shift = [2]uint8{}
	if a.scale > 0 && b.scale > 0 {
		f.shift = [2]uint8{a.scale - 1, b.scale - 1}
	}
}

// settled reports whether all of h that was captured was handed out, with what was lost before it, and no more was
// acknowledged. It stays so as long as inOrder takes the packets.
func (h *half) settled() bool { return h.based && h.high == h.next && h.acked <= h.next && h.lost == 0 }
