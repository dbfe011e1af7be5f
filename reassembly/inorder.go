package reassembly

import "github.com/respsniff/respsniff/capture"

// inOrder takes in the packet at hand where it is one of nearly all packets: the next bytes of an established connection on
// which nothing waits, acknowledging what was captured and handed out, without SYN, FIN, RST or URG. It does at once
// what reopen, arrive, base, waits, deliver and lingers do for such a packet, at a third of their time (10 ns against
// 30), and reports false, having done nothing, for any other.
func (a *Assembler) inOrder(f *flow, s Side, cp *capture.Packet) bool {
	p := &a.packet
	h, peer := &f.half[s], &f.half[s.Other()]
	behind := uint32(peer.next) + peer.first - p.ack // bytes of the peer that were handed out and are not acknowledged
	if !f.steady || p.flags&^PSH != ACK || p.seq != h.first+uint32(h.next) || h.high != h.next || behind >= farOff ||
		peer.acked > peer.next {
		return false
	}
	side := &f.conn.Sides[s]
	if a.recent.see(f.conn.ID, s, p, cp.Time, p.length > 0) == copied {
		a.stats.Duplicates++
		return true
	}
	f.active = a.clock.reading
	f.conn.Last = max(f.conn.Last, cp.Time)
	side.Packets++
	ack := peer.next - int64(behind)
	peer.acked = max(peer.acked, ack)

	seg := &a.segment
	seg.Conn, seg.From, seg.Flags, seg.End = &f.conn, s, p.flags, NotEnded
	seg.Time, seg.Frame, seg.File = cp.Time, cp.Frame, cp.File
	seg.Offset, seg.Length, seg.Payload = h.next, p.length, nil
	seg.Missing, seg.Ack = h.lost, ack
	seg.Late, seg.Repeated, seg.Conflict, seg.Probe = false, 0, false, false
	seg.RawSeq, seg.RawAck, seg.Window = p.seq, p.ack, uint32(p.window)
	seg.TTL, seg.IPID = p.ttl, p.ipid
	seg.HasTS, seg.TSVal, seg.TSEcr = p.hasTS, p.tsVal, p.tsEcr
	if h.scale > 0 && peer.scale > 0 {
		seg.Window <<= h.scale - 1
	}
	h.lost, h.moved = 0, true
	if p.length > 0 {
		seg.Payload = p.payload
		side.Bytes += int64(p.length)
		if cut := int64(p.length - len(p.payload)); cut > 0 {
			side.Cut += cut
			a.stats.CutBytes += cut
		}
		h.next += int64(p.length)
		h.high = h.next // its time is asked for only while something waits, which arrive has noted
	}
	a.emit()
	return true
}

// settled notes whether inOrder may take the next packet of f. Whatever makes that untrue (a queue, an End) clears
// steady first.
func (f *flow) settled() {
	f.steady = f.state == flowLive && f.backlog == nil && !f.forming && !f.closed() &&
		f.half[A].based && f.half[B].based && f.conn.Sides[A].Seen && f.conn.Sides[B].Seen
}
