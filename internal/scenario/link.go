package scenario

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"

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

const (
	familyIPv6      = layers.ProtocolFamilyIPv6Darwin // in BSD loopback headers; readers take 24 and 28 too
	ethernetHeadLen = 14
	tagLen          = 4
)

// header makes the bytes before the IP header of a packet between two addresses. The cooked headers of Linux are written
// by hand: gopacket only reads the older one, and does not know the other.
func (l linkStyle) header(from, to netip.Addr) (capture.LinkType, []byte, error) {
	ethertype, family := layers.EthernetTypeIPv4, layers.ProtocolFamilyIPv4
	if from.Is6() {
		ethertype, family = layers.EthernetTypeIPv6, familyIPv6
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
		return capture.LinkSLL, be.AppendUint16(append(b, 0, 0), uint16(ethertype)), nil
	case linkSLL2: // protocol, reserved, interface 2, ARPHRD_ETHER, packet type 0, 6-byte address in 8
		b := be.AppendUint16(nil, uint16(ethertype))
		b = append(b, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6)
		b = append(b, mac(from)...)
		return capture.LinkSLL2, append(b, 0, 0), nil
	case linkNull:
		b, err := serialize(&layers.Loopback{Family: family})
		return capture.LinkNull, b, err
	case linkRaw:
		return capture.LinkRaw, nil, nil
	}
	eth := &layers.Ethernet{DstMAC: mac(to), SrcMAC: mac(from), EthernetType: ethertype}
	stack := []gopacket.SerializableLayer{eth}
	switch l {
	case linkVLAN:
		eth.EthernetType = layers.EthernetTypeDot1Q
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: 42, Type: ethertype})
	case linkQinQ:
		eth.EthernetType = layers.EthernetTypeQinQ
		stack = append(stack, &layers.Dot1Q{VLANIdentifier: 100, Type: layers.EthernetTypeDot1Q}, &layers.Dot1Q{VLANIdentifier: 42, Type: ethertype})
	}
	b, err := serialize(stack...)
	if err != nil {
		return 0, nil, err
	}
	// gopacket pads to the 60 bytes that a frame has on the wire; where a sender captures it has none.
	return capture.LinkEthernet, b[:ethernetHeadLen+tagLen*(len(stack)-1)], nil
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
		n = ethernetHeadLen
		for n <= len(data) {
			switch binary.BigEndian.Uint16(data[n-2:]) {
			case 0x8100, 0x88a8, 0x9100:
				n += tagLen
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
