package reassembly

import "encoding/binary"

// packet is a TCP packet as decoded: the headers in host order and the payload in place.
type packet struct {
	// Segment holds what a Segment reports of the packet itself: flags, payload and length, raw numbers, unscaled window,
	// TTL, IP identifier and timestamps. The rest is for inOrder, which hands out this very Segment; what it does not set
	// stays zero. So no field is copied.
	Segment
	route    // set by decodePlain alone, which leaves it to the caller to set src and dst from it
	src, dst endpoint
	scale    uint8 // of the window plus 1, SYN only; 0 if the option is missing
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
	p.RawSeq = binary.BigEndian.Uint32(data[4:])
	p.RawAck = binary.BigEndian.Uint32(data[8:])
	p.Flags = Flags(data[13]) & (FIN | SYN | RST | PSH | ACK | URG)
	p.Window = uint32(binary.BigEndian.Uint16(data[14:]))
	p.Length = len(data) + missing - header
	captured := min(header, len(data))
	p.Payload = data[captured:]
	p.readOptions(data[tcpHeader:captured])
	return 0, true
}

// readOptions reads the options o, which mostly are the timestamps alone.
func (p *packet) readOptions(o []byte) {
	p.scale = 0
	if len(o) >= 12 && binary.BigEndian.Uint32(o) == alignedTS {
		p.HasTS, p.TSVal, p.TSEcr = true, binary.BigEndian.Uint32(o[4:]), binary.BigEndian.Uint32(o[8:])
		return
	}
	p.HasTS, p.TSVal, p.TSEcr = false, 0, 0
	p.options(o)
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
			p.HasTS = true
			p.TSVal = binary.BigEndian.Uint32(o[2:])
			p.TSEcr = binary.BigEndian.Uint32(o[6:])
		case o[0] == optScale && n == 3 && p.Flags&SYN != 0:
			p.scale = min(o[2], maxScale) + 1
		}
		o = o[n:]
	}
}

// sample hashes the first and last 64 bytes of a payload, enough to distinguish a copy from a segment that
// differs without reading through bulk bodies. Its steps of 16 bytes do not wait for each other, and up to 64 bytes there
// is no loop.
func sample(b []byte) uint32 {
	if len(b) > 64 {
		return sampleLong(b)
	}
	return sampleShort(b)
}

func sampleLong(b []byte) uint32 {
	n := len(b)
	return uint32(((uint64(n)*mixA^sample64(b))*mixB + sample64(b[n-64:])) >> 32)
}

// sampleShort is sample up to 64 bytes. It calls nothing, and so needs no stack.
func sampleShort(b []byte) uint32 {
	n := len(b)
	h := uint64(n) * mixA
	switch {
	case n > 32:
		h += step(b, mixA) + step(b[16:], mixB) + step(b[n-32:], ^uint64(mixA)) + step(b[n-16:], ^uint64(mixB))
	case n >= 16:
		h += step(b, mixA) + step(b[n-16:], mixB)
	case n >= 8:
		h += fold(binary.LittleEndian.Uint64(b)^mixA, binary.LittleEndian.Uint64(b[n-8:])^mixB)
	case n >= 4:
		h += fold(uint64(binary.LittleEndian.Uint32(b))^mixA, uint64(binary.LittleEndian.Uint32(b[n-4:]))^mixB)
	case n > 0:
		h += fold((uint64(b[0])|uint64(b[n-1])<<8)^mixA, uint64(b[n/2])^mixB)
	}
	return uint32(h >> 32)
}

// sample64 hashes the first 64 bytes of b.
func sample64(b []byte) uint64 {
	b = b[:64]
	return step(b, mixA) + step(b[16:], mixB) + step(b[32:], ^uint64(mixA)) + step(b[48:], ^uint64(mixB))
}

// step hashes the first 16 bytes of b; places differ in k.
func step(b []byte, k uint64) uint64 {
	b = b[:16]
	return fold(binary.LittleEndian.Uint64(b)^k, binary.LittleEndian.Uint64(b[8:])^mixB)
}
