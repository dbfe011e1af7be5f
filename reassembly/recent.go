package reassembly

import (
	"github.com/respsniff/respsniff/capture"
)

// The memory of packets is a table of 2^groupBits groups, each for some connection sides, of 2^slotBits packets. Copies
// made by SPAN or `-i any` follow within a few packets of their side; small groups keep what a few busy connections
// touch within the nearest caches.
const (
	groupBits  = 9
	slotBits   = 4
	recentSize = 1 << (groupBits + slotBits)
)

// sighting is what is remembered of a packet.
type sighting struct {
	time     capture.Time
	conn     uint32 // low bits of Conn.ID
	seq, ack uint32
	ts       uint32
	sample   uint32 // of the payload first captured at this place
	length   uint32
	captured uint32
	ipid     uint16
	window   uint16
	flags    Flags
	side     Side
}

// recent remembers the latest packets in a fixed, direct-mapped table; one overwritten is a copy taken for a
// retransmission, which loses no bytes.
type recent [recentSize]sighting

// verdict is what a packet is against those remembered.
type verdict uint8

const (
	fresh    verdict = iota
	copied           // the same packet captured twice
	conflict         // the same place in the stream with other bytes
)

// see compares the packet at hand with those remembered and remembers it.
func (r *recent) see(conn int64, s Side, p *packet, t capture.Time) verdict {
	key := p.seq * 2
	hash := uint32(0)
	if p.length > 0 {
		key++
		hash = sample(p.payload)
	}
	group := (uint32(conn)*2 + uint32(s)) * 0x9e3779b1 >> (32 - groupBits)
	slot := (key + uint32(p.flags&(SYN|FIN|RST))) * 0x85ebca77 >> (32 - slotBits)
	e := &r[group<<slotBits|slot]
	v := fresh
	if e.seq == p.seq && e.conn == uint32(conn) && e.side == s && e.length == uint32(p.length) &&
		e.captured == uint32(len(p.payload)) {
		v = e.compare(p, hash, t)
		if v == conflict {
			hash = e.sample
		}
	}
	e.time = t
	e.conn, e.side = uint32(conn), s
	e.seq, e.ack, e.ts = p.seq, p.ack, p.tsVal
	e.sample, e.length, e.captured = hash, uint32(p.length), uint32(len(p.payload))
	e.ipid, e.window, e.flags = p.ipid, p.window, p.flags
	return v
}

// compare tells what p, of the same place and length, is against e.
func (e *sighting) compare(p *packet, hash uint32, t capture.Time) verdict {
	if e.sample != hash {
		return conflict
	}
	if age := t.Sub(e.time); age > duplicateWindow || age < -duplicateWindow || e.ack != p.ack || e.flags != p.flags ||
		e.ipid != p.ipid || e.window != p.window || e.ts != p.tsVal {
		return fresh
	}
	return copied
}
