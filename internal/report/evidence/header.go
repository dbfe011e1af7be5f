package evidence

import (
	"encoding/binary"
	"net/netip"
)

// header is a TCP header inside a packet.
type header struct {
	from, to netip.AddrPort
	seq      uint32 // of the first payload byte
	payload  int    // place of the payload in the packet
	end      int    // end of the payload, or of the captured data
}

const (
	protocolTCP = 6
	minTCP      = 20
	maxHeaders  = 8 // nested IP headers looked at in one packet
)

// headers finds the TCP headers in a packet, whatever lies below: every place where a consistent IPv4 or IPv6 header
// with TCP behind it could begin. Payload bytes that look like one are recognised by their addresses, which the caller
// compares with those of connections it knows.
func headers(data []byte) []header {
	var found []header
	for i := 0; i+20 < len(data) && len(found) < maxHeaders; i++ {
		var h header
		var ok bool
		switch data[i] >> 4 {
		case 4:
			h, ok = behindIPv4(data, i)
		case 6:
			h, ok = behindIPv6(data, i)
		}
		if ok {
			found = append(found, h)
		}
	}
	return found
}

func behindIPv4(data []byte, i int) (header, bool) {
	length := int(data[i]&0xf) * 4
	if length < 20 || data[i+9] != protocolTCP || i+length+minTCP > len(data) || binary.BigEndian.Uint16(data[i+6:])&0x1fff != 0 {
		return header{}, false
	}
	end := len(data)
	if total := int(binary.BigEndian.Uint16(data[i+2:])); total >= length+minTCP {
		end = min(end, i+total)
	}
	from, _ := netip.AddrFromSlice(data[i+12 : i+16])
	to, _ := netip.AddrFromSlice(data[i+16 : i+20])
	return tcpAt(data, i+length, end, from, to)
}

func behindIPv6(data []byte, i int) (header, bool) {
	const fixed = 40
	if i+fixed+minTCP > len(data) {
		return header{}, false
	}
	end := len(data)
	if n := int(binary.BigEndian.Uint16(data[i+4:])); n >= minTCP {
		end = min(end, i+fixed+n)
	}
	from, _ := netip.AddrFromSlice(data[i+8 : i+24])
	to, _ := netip.AddrFromSlice(data[i+24 : i+40])
	next, at := data[i+6], i+fixed
	for range 8 { // extension headers: hop-by-hop, routing, destination options
		if next == protocolTCP {
			return tcpAt(data, at, end, from, to)
		}
		if next != 0 && next != 43 && next != 60 || at+8 > end {
			break
		}
		next, at = data[at], at+8+int(data[at+1])*8
	}
	return header{}, false
}

func tcpAt(data []byte, at, end int, from, to netip.Addr) (header, bool) {
	if at+minTCP > end {
		return header{}, false
	}
	offset := int(data[at+12]>>4) * 4
	if offset < minTCP {
		return header{}, false
	}
	h := header{
		from:    netip.AddrPortFrom(from.Unmap(), binary.BigEndian.Uint16(data[at:])),
		to:      netip.AddrPortFrom(to.Unmap(), binary.BigEndian.Uint16(data[at+2:])),
		seq:     binary.BigEndian.Uint32(data[at+4:]),
		payload: min(at+offset, end), end: end,
	}
	const syn = 2
	if data[at+13]&syn != 0 {
		h.seq++
	}
	return h, true
}
