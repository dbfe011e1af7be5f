package reassembly

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/capture"
)

// plain decodes what nearly every packet is: TCP in unfragmented IPv4 without options, captured whole, on Ethernet or in
// the cooked form that `tcpdump -i any` writes. It does what the walk of decode does for such a packet, in 6 ns instead of 13,
// and reports false, having done nothing, for any other.
func (d *decoder) plain(p *capture.Packet, out *packet) bool {
	data := p.Data
	var etherType, at int
	switch p.Link {
	case capture.LinkEthernet:
		etherType, at = 12, ethernetHeader
	case capture.LinkSLL2:
		etherType, at = 0, sll2Header
	case capture.LinkSLL:
		etherType, at = 14, sllHeader
	default:
		return false
	}
	if len(data) < at+ipv4Header+tcpHeader || p.Length > len(data) || binary.BigEndian.Uint16(data[etherType:]) != etherIPv4 {
		return false
	}
	ip := data[at:]
	total := int(binary.BigEndian.Uint16(ip[2:]))
	if ip[0] != 0x45 || ip[9] != protoTCP || binary.BigEndian.Uint16(ip[6:])&0x3fff != 0 || total < ipv4Header+tcpHeader || total > len(ip) {
		return false
	}
	if _, ok := decodeTCP(ip[ipv4Header:total], 0, out); !ok {
		return false
	}
	tcp := ip[ipv4Header:]
	d.v6 = false
	d.src4, d.dst4 = binary.BigEndian.Uint32(ip[12:]), binary.BigEndian.Uint32(ip[16:])
	out.src = endpoint4(d.src4, binary.BigEndian.Uint16(tcp))
	out.dst = endpoint4(d.dst4, binary.BigEndian.Uint16(tcp[2:]))
	out.ipid, out.ttl = binary.BigEndian.Uint16(ip[4:]), ip[8]
	d.stats.IPv4++
	return true
}
