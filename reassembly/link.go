package reassembly

import (
	"encoding/binary"

	"github.com/google/gopacket/layers"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly/encap"
)

// EtherTypes of the IEEE registry, and the Linux values that cooked captures hold in their place.
const (
	etherIPv4     = 0x0800
	etherVLAN     = 0x8100
	etherQinQ     = 0x88a8
	etherQinQOld  = 0x9100
	etherQinQOld2 = 0x9200
	etherTEB      = 0x6558 // Ethernet in GRE and Geneve
	etherPPP      = 0x880b
	etherIPv6     = 0x86dd
	etherMPLS     = 0x8847
	etherMPLSUp   = 0x8848
	etherPPPoE    = 0x8864
	etherERSPAN   = 0x88be // types I and II
	etherERSPAN3  = 0x22eb

	minEtherType = 0x0600 // below it is the length of an 802.3 frame
)

// Sizes of link layer headers.
const (
	ethernetHeader = 14
	vlanTag        = 4
	sllHeader      = 16
	sll2Header     = 20
	nullHeader     = 4
	pppoeHeader    = 6
	mplsLabel      = 4
)

func (d *decoder) link(link capture.LinkType, data []byte) (layer, []byte) {
	switch link {
	case capture.LinkEthernet:
		return d.ethernet(data)
	case capture.LinkSLL:
		if len(data) < sllHeader {
			return d.fault(ShortLink)
		}
		d.etherType = binary.BigEndian.Uint16(data[14:])
		return layerEtherType, data[sllHeader:]
	case capture.LinkSLL2:
		if len(data) < sll2Header {
			return d.fault(ShortLink)
		}
		d.etherType = binary.BigEndian.Uint16(data)
		return layerEtherType, data[sll2Header:]
	case capture.LinkNull, capture.LinkLoop:
		return d.null(data)
	case capture.LinkRaw, capture.LinkRawOld, capture.LinkRawBSD:
		return layerIP, data
	case capture.LinkIPv4:
		return layerIPv4, data
	case capture.LinkIPv6:
		return layerIPv6, data
	case capture.LinkPPP:
		return layerPPP, data
	case capture.LinkPPPHDLC:
		return d.hdlc(data)
	case capture.LinkPPPoE:
		return layerPPPoE, data
	}
	step := encap.FromLink(link, data)
	if step.Kind == encap.Unknown {
		d.carries(Links, uint16(link))
	}
	return d.step(step, ShortLink, BadLink)
}

// kinds are the layers of what encap names.
var kinds = [...]layer{
	encap.Ethernet: layerEthernet, encap.EtherType: layerEtherType, encap.IP: layerIP, encap.IPv4: layerIPv4, encap.IPv6: layerIPv6,
	encap.PPP: layerPPP, encap.MPLS: layerMPLS, encap.NSH: layerNSH, encap.Link: layerLink, encap.Dot11: layer80211, encap.Dot11Padded: layer80211,
}

// step goes on behind a header that encap has read, or counts why it cannot: as one of two faults if the header is cut or broken.
func (d *decoder) step(s encap.Step, cut, broken Fault) (layer, []byte) {
	switch s.Kind {
	case encap.Unknown:
		return d.fault(UnknownLink)
	case encap.Nothing:
		d.stats.NonIP++
		return layerDone, nil
	case encap.Cut:
		return d.fault(cut)
	case encap.Malformed:
		return d.fault(broken)
	case encap.Encrypted, encap.Fragment, encap.Aggregate:
		d.stats.NonIP++
		return d.carries(Wireless, uint16(s.Kind))
	case encap.EtherType:
		d.etherType = uint16(s.Number)
	case encap.Link:
		d.within = capture.LinkType(s.Number)
	case encap.Dot11, encap.Dot11Padded:
		d.padded = s.Kind == encap.Dot11Padded
	}
	return kinds[s.Kind], s.Rest
}

func (d *decoder) ethernet(data []byte) (layer, []byte) {
	if len(data) < ethernetHeader {
		return d.fault(ShortLink)
	}
	d.etherType = binary.BigEndian.Uint16(data[12:])
	if d.etherType == etherIPv4 {
		return layerIPv4, data[ethernetHeader:]
	}
	return layerEtherType, data[ethernetHeader:]
}

func (d *decoder) byEtherType(data []byte) (layer, []byte) {
	switch d.etherType {
	case etherIPv4:
		return layerIPv4, data
	case etherIPv6:
		return layerIPv6, data
	case etherVLAN, etherQinQ, etherQinQOld, etherQinQOld2:
		if len(data) < vlanTag {
			return d.fault(ShortLink)
		}
		d.stats.Tunnels[VLAN]++
		d.etherType = binary.BigEndian.Uint16(data[2:])
		return layerEtherType, data[vlanTag:]
	case etherMPLS, etherMPLSUp:
		return layerMPLS, data
	case etherPPPoE:
		return layerPPPoE, data
	case etherTEB:
		return layerEthernet, data
	case etherPPP:
		return layerPPP, data
	}
	if s := encap.FromEtherType(d.etherType, data); s.Kind != encap.Unknown {
		d.stats.Tunnels[Tagged]++
		return d.step(s, ShortLink, BadLink)
	}
	if d.etherType < minEtherType && d.parse(headerSNAP, data) {
		if t, ok := d.rare.etherType(); ok && t < minEtherType {
			return d.fault(BadLink)
		} else if ok {
			d.etherType = t
			return layerEtherType, d.rare.snap.Payload
		}
	}
	d.stats.NonIP++
	return d.carries(EtherTypes, d.etherType)
}

// null reads the address family that BSD loopback (DLT_NULL, in the byte order of the capturing host) and OpenBSD
// loopback (DLT_LOOP, in network order) put first. Families are below 256, so the order shows.
func (d *decoder) null(data []byte) (layer, []byte) {
	if len(data) < nullHeader {
		return d.fault(ShortLink)
	}
	if d.parse(headerLoopback, data) {
		switch d.rare.loopback.Family {
		case layers.ProtocolFamilyIPv4:
			return layerIPv4, d.rare.loopback.Payload
		case layers.ProtocolFamilyIPv6Linux, layers.ProtocolFamilyIPv6BSD, layers.ProtocolFamilyIPv6FreeBSD, layers.ProtocolFamilyIPv6Darwin:
			return layerIPv6, d.rare.loopback.Payload
		}
	}
	d.stats.NonIP++
	return layerDone, nil
}

// ppp reads a PPP protocol field (RFC 1661), with or without the HDLC framing bytes of RFC 1662 and with either length
// of the field.
func (d *decoder) ppp(data []byte) (layer, []byte) {
	if len(data) >= 2 && data[0] == 0xff && data[1] == 0x03 {
		data = data[2:]
	}
	if len(data) < 2 {
		return d.fault(ShortLink)
	}
	protocol := uint16(data[0])
	if protocol&1 != 0 {
		data = data[1:]
	} else {
		protocol = protocol<<8 | uint16(data[1])
		data = data[2:]
	}
	switch protocol {
	case 0x0021:
		return layerIPv4, data
	case 0x0057:
		return layerIPv6, data
	case 0x0281, 0x0283:
		return layerMPLS, data
	}
	d.stats.NonIP++
	return d.carries(PPPProtocols, protocol)
}

// hdlc reads LINKTYPE_PPP_HDLC, which is PPP or Cisco HDLC by its first byte.
func (d *decoder) hdlc(data []byte) (layer, []byte) {
	if len(data) < 4 {
		return d.fault(ShortLink)
	}
	if data[0] != 0x0f && data[0] != 0x8f {
		return layerPPP, data
	}
	d.etherType = binary.BigEndian.Uint16(data[2:])
	return layerEtherType, data[4:]
}

// pppoe reads the session header of RFC 2516.
func (d *decoder) pppoe(data []byte) (layer, []byte) {
	if len(data) < pppoeHeader {
		return d.fault(ShortLink)
	}
	if data[0] != 0x11 {
		return d.fault(BadLink)
	}
	if data[1] != 0 { // discovery
		d.stats.NonIP++
		return layerDone, nil
	}
	d.stats.Tunnels[PPPoE]++
	return layerPPP, data[pppoeHeader:]
}

// mpls steps over one label stack entry (RFC 3032). What lies under the last one is not announced: IP by its version,
// a zero nibble is the control word of an Ethernet pseudowire (RFC 4385), anything else Ethernet.
func (d *decoder) mpls(data []byte) (layer, []byte) {
	if len(data) < mplsLabel+1 {
		return d.fault(ShortLink)
	}
	bottom := data[2]&1 != 0
	data = data[mplsLabel:]
	if !bottom {
		return layerMPLS, data
	}
	d.stats.Tunnels[MPLS]++
	switch data[0] >> 4 {
	case 4:
		return layerIPv4, data
	case 6:
		return layerIPv6, data
	case 0:
		return layerEthernet, skip(data, mplsLabel)
	}
	return layerEthernet, data
}
