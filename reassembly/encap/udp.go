package encap

import "encoding/binary"

// UDP ports of tunnels.
const (
	portL2TP      = 1701
	portVXLANGPE  = 4790
	portMPLSinUDP = 6635
	portTZSP      = 37008
)

// FromUDP looks into a payload of UDP: into tunnels by their port, and into VXLAN on any.
func FromUDP(port uint16, data []byte) Step {
	switch port {
	case portTZSP:
		return tzsp(data)
	case portL2TP:
		return l2tp(data)
	case portMPLSinUDP: // RFC 7510
		return Step{Kind: MPLS, Rest: data}
	case portVXLANGPE:
		if len(data) < vxlanHeader {
			return Step{Kind: Cut}
		}
		if data[0]&vxlanNetwork != 0 {
			return FromVXLAN(data)
		}
	}
	if isVXLAN(data) {
		return FromVXLAN(data)
	}
	return Step{}
}

// Header of VXLAN (RFC 7348 section 5), with the flags of its group policy and of VXLAN-GPE (draft-ietf-nvo3-vxlan-gpe).
const (
	vxlanHeader  = 8
	vxlanNetwork = 0x08 // the network identifier is valid
	vxlanPolicy  = 0x80
	vxlanNext    = 0x04 // the fourth byte says what follows
	policyBits   = 0x48 // of the second byte
)

// FromVXLAN reads a header of VXLAN or VXLAN-GPE, which must have been captured whole.
func FromVXLAN(data []byte) Step {
	if data[0]&(vxlanNext|vxlanPolicy) == vxlanNext {
		return behind(nextProtocol(data[3]), data, vxlanHeader)
	}
	return behind(Ethernet, data, vxlanHeader)
}

// isVXLAN reports whether a payload is VXLAN for certain, whatever its port: each reserved bit is zero, as it must be, and in
// it is an IP packet that fills it.
func isVXLAN(data []byte) bool {
	if len(data) < vxlanHeader || data[0]&vxlanNetwork == 0 || data[7] != 0 {
		return false
	}
	switch data[0] &^ vxlanNetwork {
	case 0:
		return data[1]|data[2]|data[3] == 0 && holds(Ethernet, data[vxlanHeader:])
	case vxlanPolicy:
		return data[1]&^policyBits == 0 && holds(Ethernet, data[vxlanHeader:])
	case vxlanNext:
		return data[1]|data[2] == 0 && holds(nextProtocol(data[3]), data[vxlanHeader:])
	}
	return false
}

// holds reports whether data begins with an IP packet behind a header of kind, as long as its header says or cut by the
// snapshot length, with no more behind it than a frame has: padding to the least length, and a checksum.
func holds(kind Kind, data []byte) bool {
	const addresses, padding, header4, header6 = 12, 46 + 4, 20, 40
	if kind == Ethernet {
		data = skip(data, addresses)
		for range 3 { // tags
			if len(data) < 2 {
				return false
			}
			switch binary.BigEndian.Uint16(data) {
			case 0x8100, 0x88a8:
				data = skip(data, 4)
			case 0x0800:
				return holds(IPv4, data[2:])
			case 0x86dd:
				return holds(IPv6, data[2:])
			default:
				return false
			}
		}
		return false
	}
	if len(data) < header4 {
		return false
	}
	switch version := data[0] >> 4; {
	case version == 4 && kind == IPv4:
		length := int(binary.BigEndian.Uint16(data[2:]))
		return data[0]&15 >= 5 && (length == 0 || length >= header4 && len(data)-length <= padding)
	case version == 6 && kind == IPv6:
		length := int(binary.BigEndian.Uint16(data[4:]))
		return length == 0 || len(data)-header6-length <= padding
	}
	return false
}

// tzsp reads the TaZmen sniffer protocol: version 1, a type below 2 for packets, the protocol, and tags up to an end tag.
func tzsp(data []byte) Step {
	const packets, end, padding = 1, 1, 0
	if len(data) < 4 {
		return Step{Kind: Cut}
	}
	if data[0] != 1 {
		return Step{Kind: Malformed}
	}
	if data[1] > packets {
		return Step{Kind: Nothing}
	}
	protocol := binary.BigEndian.Uint16(data[2:])
	for data = data[4:]; len(data) > 0 && data[0] != end; {
		n := 1
		if data[0] != padding {
			if len(data) < 2 {
				break
			}
			n = 2 + int(data[1])
		}
		data = skip(data, n)
	}
	if len(data) == 0 || data[0] != end {
		return Step{Kind: Cut}
	}
	switch data = data[1:]; protocol {
	case 1:
		return Step{Kind: Ethernet, Rest: data}
	case 18:
		return Step{Kind: Dot11, Rest: data}
	case 119, 127: // Prism and AVS
		return prism(data)
	}
	return Step{Kind: Nothing}
}

// l2tp reads a data message of version 2 (RFC 2661), which holds PPP, or of version 3 over UDP.
func l2tp(data []byte) Step {
	const control, hasLength, hasOrder, hasOffset = 0x8000, 0x4000, 0x0800, 0x0200
	if len(data) < 6 {
		return Step{Kind: Cut}
	}
	flags := binary.BigEndian.Uint16(data)
	switch version := flags & 15; {
	case flags&control != 0:
		return Step{Kind: Nothing}
	case version == 3:
		return FromL2TPv3(data[4:])
	case version != 2:
		return Step{}
	}
	n := 6 // flags, tunnel and session
	if flags&hasLength != 0 {
		n += 2
	}
	if flags&hasOrder != 0 {
		n += 4
	}
	if flags&hasOffset != 0 {
		if len(data) < n+2 {
			return Step{Kind: Cut}
		}
		n += 2 + int(binary.BigEndian.Uint16(data[n:]))
	}
	return behind(PPP, data, n)
}

// FromL2TPv3 reads a data message of L2TP version 3 from its session on (RFC 3931 section 4.1.1). How long the cookie and the
// sublayer behind it are, control messages have agreed on; an Ethernet frame with IP shows it.
func FromL2TPv3(data []byte) Step {
	const session, optional = 4, 8 + 4
	if len(data) < session || binary.BigEndian.Uint32(data) == 0 { // 0: control
		return Step{}
	}
	data = data[session:]
	for n := 0; n <= optional && n <= len(data); n += 4 {
		if holds(Ethernet, data[n:]) {
			return Step{Kind: Ethernet, Rest: data[n:]}
		}
	}
	return Step{}
}
