package reassembly

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/capture"
)

// decodePlain decodes what nearly every packet is: TCP in unfragmented IPv4 without options, captured whole, on Ethernet or in
// the cooked form that `tcpdump -i any` writes. It does what decoder.walk does for such a packet, but for src and dst and
// the counts, and reports false, having changed nothing, for any other.
func decodePlain(p *capture.Packet, out *packet) bool {
	const ip, tcp, options = ethernetHeader, ethernetHeader + ipv4Header, ethernetHeader + ipv4Header + tcpHeader
	data := p.Data
	if p.Link != capture.LinkEthernet {
		if data = likeEthernet(p); len(data) < options || data[ip] != 0x45 {
			return false
		}
	} else if len(data) < options || binary.BigEndian.Uint32(data[12:])>>8 != etherIPv4<<8|0x45 { // and version and IHL
		return false
	}
	// Fixed places in an array, whose length is checked once for both headers.
	h := (*[options]byte)(data)
	body, end := tcp+int(h[tcp+12]&0xf0)>>2, ip+int(binary.BigEndian.Uint16(h[ip+2:]))
	fragment := binary.BigEndian.Uint32(h[ip+6:]) & 0x3fff00ff // and protocol
	if fragment != protoTCP || body < options || body > end || end > len(data) || p.Length > len(p.Data) {
		return false
	}
	out.addrs, out.ports = binary.BigEndian.Uint64(h[ip+12:]), binary.BigEndian.Uint32(h[tcp:])
	out.IPID, out.TTL = binary.BigEndian.Uint16(h[ip+4:]), h[ip+8]
	out.RawSeq, out.RawAck = binary.BigEndian.Uint32(h[tcp+4:]), binary.BigEndian.Uint32(h[tcp+8:])
	out.Flags = Flags(h[tcp+13]) & (FIN | SYN | RST | PSH | ACK | URG)
	out.Window = uint32(binary.BigEndian.Uint16(h[tcp+14:]))
	out.Payload, out.Length = data[body:end:end], end-body
	if body == options+12 && len(data) >= options+12 && binary.BigEndian.Uint32(data[options:]) == alignedTS {
		out.scale, out.HasTS = 0, true
		out.TSVal, out.TSEcr = binary.BigEndian.Uint32(data[options+4:]), binary.BigEndian.Uint32(data[options+8:])
	} else {
		out.readOptions(data[options:body])
	}
	return true
}

// likeEthernet returns a cooked packet of IPv4 from so far before its IP header as the header of Ethernet is long, else nil.
func likeEthernet(p *capture.Packet) []byte {
	switch data := p.Data; {
	case p.Link == capture.LinkSLL2 && len(data) >= sll2Header && binary.BigEndian.Uint16(data) == etherIPv4:
		return data[sll2Header-ethernetHeader:]
	case p.Link == capture.LinkSLL && len(data) >= sllHeader && binary.BigEndian.Uint16(data[14:]) == etherIPv4:
		return data[sllHeader-ethernetHeader:]
	}
	return nil
}
