package reassembly

import (
	"encoding/binary"
	"net/netip"

	"github.com/respsniff/respsniff/reassembly/encap"
)

// IP protocol numbers and IPv6 extension headers.
const (
	protoHopByHop = 0
	protoIPIP     = 4
	protoTCP      = 6
	protoUDP      = 17
	protoIPv6     = 41
	protoRouting  = 43
	protoFragment = 44
	protoGRE      = 47
	protoAH       = 51
	protoDestOpts = 60
	protoEtherIP  = 97
	protoL2TP     = 115
	protoMobility = 135
	protoHIP      = 139
	protoShim6    = 140
	protoMPLS     = 137
)

const (
	ipv4Header = 20
	ipv6Header = 40
)

func (d *decoder) byVersion(data []byte) layer {
	if len(data) == 0 {
		d.stats.Undecodable[ShortIP]++
		return layerDone
	}
	switch data[0] >> 4 {
	case 4:
		return layerIPv4
	case 6:
		return layerIPv6
	}
	d.stats.Undecodable[BadIP]++
	return layerDone
}

// clip cuts data to the length that the IP header gives, which drops Ethernet padding and trailers, and works out what
// of it was not captured.
func (d *decoder) clip(data []byte, length int) []byte {
	if len(data) > length {
		data = data[:length]
	}
	d.missing = length - len(data)
	return data
}

func (d *decoder) ipv4(data []byte) (layer, []byte) {
	if len(data) < ipv4Header {
		return d.fault(ShortIP)
	}
	header := int(data[0]&15) * 4
	if data[0]>>4 != 4 || header < ipv4Header {
		return d.fault(BadIP)
	}
	if len(data) < header {
		return d.fault(ShortIP)
	}
	total := int(binary.BigEndian.Uint16(data[2:]))
	if total == 0 { // segmentation left to the NIC, or above 64 KiB (BIG TCP)
		total = len(data) + d.missing
	}
	if total < header {
		return d.fault(BadIP)
	}
	d.ends.set4(binary.BigEndian.Uint32(data[12:]), binary.BigEndian.Uint32(data[16:]))
	d.ipid = binary.BigEndian.Uint16(data[4:])
	d.ttl = data[8]
	d.proto = data[9]
	fragment := binary.BigEndian.Uint16(data[6:])
	data = d.clip(data[header:], total-header)
	if fragment&0x3fff == 0 {
		return layerTransport, data
	}
	src, dst := d.ends.addrs()
	return d.fragment(fragmentKey{src: src, dst: dst, id: uint32(d.ipid), proto: d.proto},
		int(fragment&0x1fff)*8, fragment&0x2000 != 0, data)
}

func (d *decoder) ipv6(data []byte) (layer, []byte) {
	if len(data) < ipv6Header {
		return d.fault(ShortIP)
	}
	if data[0]>>4 != 6 {
		return d.fault(BadIP)
	}
	length := int(binary.BigEndian.Uint16(data[4:]))
	d.ends.set6(netip.AddrFrom16([16]byte(data[8:24])), netip.AddrFrom16([16]byte(data[24:40])))
	d.ipid = 0
	d.ttl = data[7]
	d.proto = data[6]
	data = data[ipv6Header:]
	if length == 0 { // jumbogram (RFC 2675) or BIG TCP: the rest of the packet
		length = len(data) + d.missing
	}
	return layerTransport, d.clip(data, length)
}

// fragment takes one fragment of an IP packet, and goes on with the payload of the whole once that is there.
func (d *decoder) fragment(key fragmentKey, from int, more bool, data []byte) (layer, []byte) {
	in := fragment{key: key, from: from, more: more, proto: d.proto, data: data, missing: d.missing, at: d.now}
	payload, proto, whole := d.fragments.join(&in, d.stats)
	if !whole {
		return layerDone, nil
	}
	d.proto, d.missing = proto, 0
	return layerTransport, payload
}

// transport steps over what may stand between IP and TCP: extension headers and tunnels.
func (d *decoder) transport(data []byte) (layer, []byte) {
	switch d.proto {
	case protoHopByHop, protoRouting, protoDestOpts, protoMobility, protoHIP, protoShim6:
		if !d.parse(headerExtension, data) {
			return d.fault(ShortIP)
		}
		d.proto = uint8(d.rare.extension.NextHeader)
		return layerTransport, d.rare.extension.Payload
	case protoAH:
		if len(data) < 8 {
			return d.fault(ShortIP)
		}
		n := (int(data[1]) + 2) * 4 // RFC 4302 section 2.2: in words, minus 2
		if n > len(data) {
			return d.fault(ShortIP)
		}
		d.proto = data[0]
		return layerTransport, data[n:]
	case protoFragment:
		if len(data) < 8 {
			return d.fault(ShortIP)
		}
		d.proto = data[0]
		place := binary.BigEndian.Uint16(data[2:])
		id := binary.BigEndian.Uint32(data[4:])
		data = data[8:]
		if place&0xfff9 == 0 { // an atomic fragment, whole (RFC 6946)
			return layerTransport, data
		}
		src, dst := d.ends.addrs()
		return d.fragment(fragmentKey{src: src, dst: dst, id: id}, int(place&0xfff8), place&1 != 0, data)
	case protoIPIP, protoIPv6:
		d.stats.Tunnels[IPIP]++
		return layerIP, data
	case protoMPLS:
		return layerMPLS, data
	case protoGRE:
		return d.gre(data)
	case protoUDP:
		return d.udp(data)
	case protoEtherIP: // RFC 3378: version 3
		if !d.parse(headerEtherIP, data) {
			return d.fault(BadTunnel)
		}
		if d.rare.etherIP.Version == 3 {
			d.stats.Tunnels[EtherIP]++
			return layerEthernet, d.rare.etherIP.Payload
		}
	case protoL2TP:
		if s := encap.FromL2TPv3(data); s.Kind != encap.Unknown {
			d.stats.Tunnels[OtherUDP]++
			return d.step(s, BadTunnel, BadTunnel)
		}
	}
	d.stats.NonTCP++
	return d.carries(IPProtocols, uint16(d.proto))
}
