package reassembly

import (
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// Peeker tells whose packets are, one by one, without following their connections.
type Peeker struct {
	decoder decoder
	stats   Stats
	packet  packet
}

// Peeked is what one packet says of its ends.
type Peeked struct {
	Src, Dst   netip.AddrPort // of the innermost IP header; port 0 where no TCP header was found. Not valid: no IP
	Flags      Flags          // of TCP
	TCP        bool
	Fragmented bool // of an IP packet that was sent in pieces
}

// Peek looks at a packet. It keeps fragments, within the limits of an Assembler: a whole packet's last piece is TCP.
func (k *Peeker) Peek(p *capture.Packet) Peeked {
	d := &k.decoder
	d.stats, d.ends = &k.stats, addresses{}
	pieces := k.stats.FragmentsIn
	ok := d.walk(p, &k.packet)
	out := Peeked{TCP: ok, Fragmented: k.stats.FragmentsIn > pieces}
	if ok {
		out.Src, out.Dst = d.ends.of(&k.packet)
		out.Flags = k.packet.Flags
	} else if e := &d.ends; *e != (addresses{}) {
		src, dst := e.addrs()
		out.Src, out.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	}
	return out
}
