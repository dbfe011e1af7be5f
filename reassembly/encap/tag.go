package encap

import "encoding/binary"

// EtherTypes of headers that switches and packet brokers put before a packet, and of two that stand in GRE.
const (
	etherTRILL      = 0x22f3
	etherEoIP       = 0x6400 // MikroTik, in GRE
	etherWCCP       = 0x883e // Cisco, in GRE
	etherMACsec     = 0x88e5
	etherPBB        = 0x88e7 // 802.1ah
	etherFabricPath = 0x8903
	etherCMD        = 0x8909 // Cisco metadata
	etherVNTag      = 0x8926
	etherETag       = 0x893f // 802.1BR
	etherNSH        = 0x894f
	etherArista     = 0xd28b // time stamps
)

// FromEtherType reads a header that an EtherType announces and that stands before another EtherType or an Ethernet frame.
func FromEtherType(etherType uint16, data []byte) Step {
	switch etherType {
	case etherVNTag:
		return tagged(data, 4)
	case etherETag:
		return tagged(data, 6)
	case etherCMD: // version, and the options' length in words
		if len(data) < 2 {
			return Step{Kind: Cut}
		}
		return tagged(data, 2+4*int(data[1]))
	case etherArista: // subtype, and a version whose low byte says how long the time is
		if len(data) < 4 {
			return Step{Kind: Cut}
		}
		if data[3] == 0x20 {
			return tagged(data, 4+6)
		}
		return tagged(data, 4+8)
	case etherMACsec:
		return macsec(data)
	case etherPBB:
		return behind(Ethernet, data, 4)
	case etherFabricPath:
		return behind(Ethernet, data, 2)
	case etherTRILL: // RFC 6325 section 3.2: the length of the options is in words
		if len(data) < 6 {
			return Step{Kind: Cut}
		}
		return behind(Ethernet, data, 6+4*int(binary.BigEndian.Uint16(data)>>6&0x1f))
	case etherNSH:
		return Step{Kind: NSH, Rest: data}
	case etherEoIP:
		return Step{Kind: Ethernet, Rest: data}
	case etherWCCP: // version 2 has a header of its own
		if len(data) > 0 && data[0]>>4 == 4 {
			return Step{Kind: IPv4, Rest: data}
		}
		return behind(IPv4, data, 4)
	}
	return Step{}
}

// macsec reads what 802.1AE has signed but not encrypted; the encrypted is left to be counted by its EtherType.
func macsec(data []byte) Step {
	const withChannel, encrypted, changed = 0x20, 0x08, 0x04
	switch {
	case len(data) < 6:
		return Step{Kind: Cut}
	case data[0]&(encrypted|changed) != 0:
		return Step{}
	case data[0]&withChannel != 0:
		return tagged(data, 6+8)
	}
	return tagged(data, 6)
}

// FromNSH reads the service header of RFC 8300.
func FromNSH(data []byte) Step {
	if len(data) < 8 {
		return Step{Kind: Cut}
	}
	n := int(data[1]&0x3f) * 4
	if n < 8 {
		return Step{Kind: Malformed}
	}
	s := behind(nextProtocol(data[3]), data, n)
	return s
}

// nextProtocol is the registry of what VXLAN-GPE and NSH carry.
func nextProtocol(number byte) Kind {
	return map[byte]Kind{1: IPv4, 2: IPv6, 3: Ethernet, 4: NSH, 5: MPLS}[number]
}
