package encap

import (
	"bytes"
	"encoding/binary"

	"github.com/respsniff/respsniff/capture"
)

const (
	pktapHeader = 108 // of macOS; the header gives its length, which may grow
	ipoibHeader = 4
	ibRoute     = 40 // global route header of InfiniBand
	encHeader   = 12
)

// FromLink reads the header of a link type that few captures have.
func FromLink(link capture.LinkType, data []byte) Step {
	switch link {
	case capture.LinkPKTAP, capture.LinkUser2:
		return pktap(link, data)
	case capture.LinkNFLog:
		return nflog(data)
	case capture.Link80211:
		return Step{Kind: Dot11, Rest: data}
	case capture.LinkRadiotap:
		return radiotap(data)
	case capture.LinkPrism, capture.LinkAVS:
		return prism(data)
	case capture.LinkPPI: // version, flags, length, link type
		if len(data) < 8 {
			return Step{Kind: Cut}
		}
		s := behind(Link, data, max(8, int(binary.LittleEndian.Uint16(data[2:]))))
		s.Number = binary.LittleEndian.Uint32(data[4:])
		return s
	case capture.LinkPFLog: // the length without its padding; then the address family, which the version of IP says too
		if len(data) < 1 {
			return Step{Kind: Cut}
		}
		return behind(IP, data, (int(data[0])+3)&^3)
	case capture.LinkENC: // address family, SPI, flags
		return behind(IP, data, encHeader)
	case capture.LinkCHDLC: // address, control, EtherType
		return tagged(data, 2)
	case capture.LinkRFC1483:
		return Step{Kind: EtherType, Rest: data} // none: an LLC header
	case capture.LinkMPLS:
		return Step{Kind: MPLS, Rest: data}
	case capture.LinkIPoIB: // RFC 4391 section 6, behind a global route header where one was captured
		if len(data) >= ibRoute+ipoibHeader && (data[0]>>4 == 6 || bytes.Equal(data[:ibRoute], make([]byte, ibRoute))) {
			data = data[ibRoute:]
		}
		s := tagged(data, 0)
		s.Rest = skip(s.Rest, ipoibHeader-2)
		return s
	case capture.LinkPPPDir:
		return behind(PPP, data, 1)
	case capture.LinkCHDLCDir:
		return tagged(data, 1+2)
	}
	return Step{}
}

// pktap reads the header of macOS's packet tap (bsd/net/pktap.h of XNU), which is in the byte order of the capturing host:
// its length, a record type (1: a packet) and the DLT of what follows. As DLT_USER2, a number for private use, it is one only
// where it reads as that.
func pktap(link capture.LinkType, data []byte) Step {
	broken := Malformed
	if link == capture.LinkUser2 {
		broken = Unknown
	}
	if len(data) < 12 {
		return Step{Kind: Cut}
	}
	var order binary.ByteOrder = binary.LittleEndian
	if data[3] != 0 { // a length below 16 MiB has its zeros on the other side
		order = binary.BigEndian
	}
	n := order.Uint32(data)
	switch {
	case n < pktapHeader || n > 1<<16 || order.Uint32(data[4:]) != 1:
		return Step{Kind: broken}
	case int(n) > len(data):
		return Step{Kind: Cut}
	}
	return Step{Link, order.Uint32(data[8:]), data[n:]}
}

// nflog reads the attributes of Linux's netfilter log, which are in the byte order of the capturing host, to the packet among
// them. A type is below 64, so the order shows.
func nflog(data []byte) Step {
	const header, payload, typeBits = 4, 9, 0x3fff // NFULA_PAYLOAD, NLA_TYPE_MASK
	if len(data) < header {
		return Step{Kind: Cut}
	}
	if data[1] != 0 { // version
		return Step{Kind: Malformed}
	}
	for data = data[header:]; len(data) >= 4; {
		var order binary.ByteOrder = binary.LittleEndian
		if data[3]&0x3f != 0 {
			order = binary.BigEndian
		}
		n, kind := int(order.Uint16(data)), order.Uint16(data[2:])&typeBits
		if n < 4 {
			return Step{Kind: Malformed}
		}
		if kind == payload {
			return Step{Kind: IP, Rest: data[4:min(n, len(data))]}
		}
		data = skip(data, (n+3)&^3)
	}
	return Step{Kind: Nothing}
}
