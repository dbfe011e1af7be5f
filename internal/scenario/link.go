package scenario

import (
	"encoding/binary"
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// linkStyle is a way to frame IP packets.
type linkStyle uint8

const (
	linkEthernet linkStyle = iota
	linkVLAN
	linkQinQ
	linkSLL
	linkSLL2
	linkNull
	linkRaw
)

var linkStyles = map[string]linkStyle{
	"ethernet": linkEthernet, "vlan": linkVLAN, "qinq": linkQinQ, "sll": linkSLL, "sll2": linkSLL2, "null": linkNull, "raw": linkRaw,
}

// Address families of BSD loopback headers.
const (
	familyIPv4 = 2
	familyIPv6 = 30 // as on Darwin; readers take 24 and 28 too
)

// header makes the bytes before the IP header of a packet between two addresses.
func (l linkStyle) header(from, to netip.Addr) (capture.LinkType, []byte) {
	ethertype, family := uint16(etherIPv4), uint32(familyIPv4)
	if from.Is6() {
		ethertype, family = etherIPv6, familyIPv6
	}
	mac := func(a netip.Addr) []byte {
		b := a.AsSlice()
		return append([]byte{2, 0}, b[len(b)-4:]...)
	}
	be := binary.BigEndian
	switch l {
	case linkSLL: // packet type 0, ARPHRD_ETHER, 6-byte address in 8, protocol
		b := []byte{0, 0, 0, 1, 0, 6}
		b = append(b, mac(from)...)
		return capture.LinkSLL, be.AppendUint16(append(b, 0, 0), ethertype)
	case linkSLL2: // protocol, reserved, interface 2, ARPHRD_ETHER, packet type 0, 6-byte address in 8
		b := be.AppendUint16(nil, ethertype)
		b = append(b, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6)
		b = append(b, mac(from)...)
		return capture.LinkSLL2, append(b, 0, 0)
	case linkNull:
		return capture.LinkNull, binary.LittleEndian.AppendUint32(nil, family)
	case linkRaw:
		return capture.LinkRaw, nil
	}
	b := append(mac(to), mac(from)...)
	switch l {
	case linkVLAN:
		b = append(b, 0x81, 0x00, 0x00, 0x2a)
	case linkQinQ:
		b = append(b, 0x88, 0xa8, 0x00, 0x64, 0x81, 0x00, 0x00, 0x2a)
	}
	return capture.LinkEthernet, be.AppendUint16(b, ethertype)
}

// linkHeaderLen finds the IP header in a packet of one of the styles above.
func linkHeaderLen(link capture.LinkType, data []byte) (int, bool) {
	n := 0
	switch link {
	case capture.LinkRaw, capture.LinkRawOld, capture.LinkRawBSD, capture.LinkIPv4, capture.LinkIPv6:
	case capture.LinkNull, capture.LinkLoop:
		n = 4
	case capture.LinkSLL:
		n = 16
	case capture.LinkSLL2:
		n = 20
	case capture.LinkEthernet:
		n = 14
		for n <= len(data) {
			switch binary.BigEndian.Uint16(data[n-2:]) {
			case 0x8100, 0x88a8, 0x9100:
				n += 4
				continue
			case etherIPv4, etherIPv6:
				return n, true
			}
			return 0, false
		}
	default:
		return 0, false
	}
	return n, n <= len(data)
}
