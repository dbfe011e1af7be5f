package capture

import "encoding/binary"

// textLinks finds out where the hex of a dump begins, which the text does not give: at the IP header (-x, -X) or at the
// link header (-xx, -XX). The first packet that only one reading fits decides for the file.
type textLinks struct {
	link    LinkType
	decided bool
}

// linkShapes are the link headers that -xx prints on the interfaces of Redis hosts: where the protocol number
// stands, where the network header begins, and how many bytes of the protocol field there are.
var linkShapes = []struct {
	link    LinkType
	proto   int // offset of the EtherType
	network int // offset of the IP header
}{
	{LinkEthernet, 12, 14},
	{LinkSLL, 14, 16},
	{LinkSLL2, 0, 20},
}

// judge gives the link type of a packet and its length on the wire, which is longer than data if the capture or the
// print was shortened.
func (t *textLinks) judge(data []byte) (LinkType, int) {
	if !t.decided {
		if link, sure := guessLink(data); sure {
			t.link, t.decided = link, true
		} else {
			return link, wireLength(link, data)
		}
	}
	return t.link, wireLength(t.link, data)
}

// guessLink returns the link type, and whether no other fits. Raw IP is proven by the checksum of its header, since a MAC
// address may begin with 45 00 too.
func guessLink(data []byte) (link LinkType, sure bool) {
	if validIPv4(data) {
		return LinkRaw, true
	}
	for _, s := range linkShapes {
		if len(data) < s.network+20 {
			continue
		}
		rest := data[s.network:]
		switch binary.BigEndian.Uint16(data[s.proto:]) {
		case etherIPv4:
			if rest[0]>>4 == 4 {
				return s.link, true
			}
		case etherIPv6:
			if rest[0]>>4 == 6 {
				return s.link, true
			}
		case etherVLAN, etherQinQ:
			if s.link == LinkEthernet && rest[0]>>4 != 4 {
				return s.link, true
			}
		}
	}
	// BSD loopback: the address family in the byte order of the host, or big-endian for LOOP.
	if len(data) >= 24 {
		family := binary.LittleEndian.Uint32(data)
		if family == 2 && data[4]>>4 == 4 || (family == 24 || family == 28 || family == 30) && data[4]>>4 == 6 {
			return LinkNull, true
		}
	}
	switch {
	case len(data) > 0 && (data[0]>>4 == 4 || data[0]>>4 == 6):
		return LinkRaw, len(data) >= 20
	case len(data) >= 14 && binary.BigEndian.Uint16(data[12:]) >= 0x600 && binary.BigEndian.Uint16(data) != 1:
		return LinkEthernet, false
	}
	return LinkRaw, false
}

// EtherTypes that guessLink knows.
const (
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
)

// validIPv4 reports whether data starts with an IPv4 header with a right checksum (RFC 791).
func validIPv4(data []byte) bool {
	if len(data) < 20 || data[0]>>4 != 4 {
		return false
	}
	n := int(data[0]&15) * 4
	if n < 20 || n > len(data) {
		return false
	}
	var sum uint32
	for i := 0; i < n; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return sum == 0xffff
}

// wireLength is the length that the IP header gives, with the link header; 0 if there is none.
func wireLength(link LinkType, data []byte) int {
	at := 0
	switch link {
	case LinkNull:
		at = 4
	case LinkEthernet:
		at = 14
		for len(data) >= at+4 {
			proto := binary.BigEndian.Uint16(data[at-2:])
			if proto != etherVLAN && proto != etherQinQ {
				break
			}
			at += 4
		}
	case LinkSLL:
		at = 16
	case LinkSLL2:
		at = 20
	}
	if len(data) < at+6 {
		return 0
	}
	ip := data[at:]
	switch ip[0] >> 4 {
	case 4:
		if n := int(binary.BigEndian.Uint16(ip[2:])); n >= 20 {
			return at + n
		}
	case 6:
		if n := int(binary.BigEndian.Uint16(ip[4:])); n > 0 {
			return at + 40 + n
		}
	}
	return 0
}
