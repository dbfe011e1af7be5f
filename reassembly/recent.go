package reassembly

import (
	"github.com/respsniff/respsniff/capture"
)

// recentSize is the number of packets remembered to tell copies from retransmissions: some milliseconds of the fastest
// capture.
const recentSize = 1 << 13

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

func (r *recent) see(conn int64, s Side, p *packet, t capture.Time) verdict {
	hasData := uint32(0)
	if p.length > 0 {
		hasData = 1
	}
	at := (uint32(conn)*2+uint32(s))*0x9e3779b1 ^ (p.seq*2+hasData)*0x85ebca77 ^ uint32(p.flags&(SYN|FIN|RST))<<20
	e := &r[at>>(32-13)]
	now := sighting{
		time: t, conn: uint32(conn), side: s, seq: p.seq, ack: p.ack, ts: p.tsVal, length: uint32(p.length),
		captured: uint32(len(p.payload)), ipid: p.ipid, window: p.window, flags: p.flags,
	}
	if p.length > 0 {
		now.sample = sample(p.payload)
	}
	v := fresh
	if e.conn == now.conn && e.side == s && e.seq == p.seq && e.length == now.length && e.captured == now.captured {
		age := t.Sub(e.time)
		switch {
		case e.sample != now.sample:
			v = conflict
			now.sample = e.sample
		case age <= duplicateWindow && age >= -duplicateWindow && e.ack == p.ack && e.flags == p.flags &&
			e.ipid == p.ipid && e.window == p.window && e.ts == p.tsVal:
			v = copied
		}
	}
	*e = now
	return v
}
