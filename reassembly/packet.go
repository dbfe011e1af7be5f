package reassembly

import (
	"encoding/binary"
	"net/netip"
)

// packet is a TCP packet as decoded: the headers in host order and the payload in place.
type packet struct {
	src, dst     netip.AddrPort
	hash         uint32 // of both ends, the same in both directions
	seq, ack     uint32
	tsVal, tsEcr uint32
	window, ipid uint16
	flags        Flags
	ttl          uint8
	hasTS        bool
	hasScale     bool // SYN only
	scale        uint8
	payload      []byte // captured part
	length       int    // of the payload on the wire
}

// TCP options of RFC 9293 section 3.1 and RFC 7323.
const (
	optEnd       = 0
	optNop       = 1
	optScale     = 3
	optTimestamp = 8
	maxScale     = 14 // RFC 7323 section 2.3
	tcpHeader    = 20
	// alignedTS is how every common stack starts its options: two NOPs, then the timestamps.
	alignedTS = 0x0101080a
)

// decodeTCP reads the TCP header and options from data. missing counts bytes of the packet behind data that were not
// captured.
func decodeTCP(data []byte, missing int, p *packet) (Fault, bool) {
	if len(data) < tcpHeader {
		return ShortTCP, false
	}
	header := int(data[12]>>4) * 4
	if header < tcpHeader || header > len(data)+missing {
		return BadTCP, false
	}
	p.seq = binary.BigEndian.Uint32(data[4:])
	p.ack = binary.BigEndian.Uint32(data[8:])
	p.flags = Flags(data[13]) & (FIN | SYN | RST | PSH | ACK | URG)
	p.window = binary.BigEndian.Uint16(data[14:])
	p.length = len(data) + missing - header
	p.hasTS, p.hasScale = false, false
	p.tsVal, p.tsEcr = 0, 0
	captured := min(header, len(data))
	p.payload = data[captured:]
	if header >= 32 && captured >= 32 && binary.BigEndian.Uint32(data[20:]) == alignedTS {
		p.hasTS = true
		p.tsVal = binary.BigEndian.Uint32(data[24:])
		p.tsEcr = binary.BigEndian.Uint32(data[28:])
	} else if captured > tcpHeader {
		p.options(data[tcpHeader:captured])
	}
	return 0, true
}

// options reads what matters here; an option list that ends early or contradicts itself is read as far as it goes.
func (p *packet) options(o []byte) {
	for len(o) > 1 {
		switch o[0] {
		case optEnd:
			return
		case optNop:
			o = o[1:]
			continue
		}
		n := int(o[1])
		if n < 2 || n > len(o) {
			return
		}
		switch {
		case o[0] == optTimestamp && n == 10:
			p.hasTS = true
			p.tsVal = binary.BigEndian.Uint32(o[2:])
			p.tsEcr = binary.BigEndian.Uint32(o[6:])
		case o[0] == optScale && n == 3 && p.flags&SYN != 0:
			p.hasScale, p.scale = true, min(o[2], maxScale)
		}
		o = o[n:]
	}
}

// sampleEdge is how many payload bytes at each end sample looks at: bulk bodies are not read through.
const sampleEdge = 64

// sample hashes the first and last bytes of a payload, enough to tell a copy from a segment that differs.
func sample(b []byte) uint32 {
	h := uint64(len(b)) * mixA
	if len(b) > 2*sampleEdge {
		h = sampleRun(h, b[:sampleEdge])
		b = b[len(b)-sampleEdge:]
	}
	return uint32(sampleRun(h, b) >> 32)
}

func sampleRun(h uint64, b []byte) uint64 {
	for ; len(b) >= 8; b = b[8:] {
		h = (h ^ binary.LittleEndian.Uint64(b)) * mixB
		h ^= h >> 29
	}
	var tail uint64
	for i, c := range b {
		tail |= uint64(c) << (8 * i)
	}
	h = (h ^ tail) * mixB
	return h ^ h>>29
}
