package scenario

import (
	"encoding/binary"
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// frame is a TCP packet taken apart.
type frame struct {
	capture.Packet
	link       capture.LinkType
	linkHeader []byte
	ip         []byte // IPv4 header with options, or IPv6 header
	tcp        []byte // header with options
	payload    []byte // captured part
	cut        int    // payload bytes beyond the snapshot length
}

// parseFrame takes a packet apart, copying it. It reports false for what is not TCP over IPv4 or IPv6 without extension
// headers and fragments, or whose headers are not captured whole.
func parseFrame(p capture.Packet) (frame, bool) {
	f := frame{Packet: p, link: p.Link}
	n, ok := linkHeaderLen(p.Link, p.Data)
	if !ok {
		return f, false
	}
	data := append([]byte(nil), p.Data...)
	f.linkHeader, data = data[:n:n], data[n:]
	var size, total int
	switch {
	case len(data) >= 20 && data[0]>>4 == 4:
		size = int(data[0]&15) * 4
		total = int(binary.BigEndian.Uint16(data[2:]))
		if size < 20 || data[9] != protoTCP || binary.BigEndian.Uint16(data[6:])&0x3fff != 0 {
			return f, false
		}
	case len(data) >= ipv6HeadLen && data[0]>>4 == 6:
		size = ipv6HeadLen
		if total = int(binary.BigEndian.Uint16(data[4:])); total > 0 {
			total += ipv6HeadLen
		}
		if data[6] != protoTCP {
			return f, false
		}
	default:
		return f, false
	}
	if total == 0 { // segmentation offload: the packet's own length is all there is
		total = p.Length - n
	}
	if len(data) < size+20 || total < size+20 {
		return f, false
	}
	head := int(data[size+12]>>4) * 4
	if head < 20 || len(data) < size+head || total < size+head {
		return f, false
	}
	f.ip, f.tcp = data[:size:size], data[size:size+head:size+head]
	f.payload = data[size+head : min(len(data), total)]
	f.cut = total - size - head - len(f.payload)
	return f, true
}

// packet puts the frame together, with lengths and checksums that fit. A frame cut by a snapshot length keeps its
// checksum, which covers bytes that are not there.
func (f *frame) packet() capture.Packet {
	full := len(f.ip) + len(f.tcp) + len(f.payload) + f.cut
	ip := append([]byte(nil), f.ip...)
	tcp := append([]byte(nil), f.tcp...)
	if ip[0]>>4 == 4 {
		binary.BigEndian.PutUint16(ip[2:], length16(full))
		ip[10], ip[11] = 0, 0
		binary.BigEndian.PutUint16(ip[10:], ^fold(sum(0, ip)))
	} else {
		binary.BigEndian.PutUint16(ip[4:], length16(full-len(ip)))
	}
	if f.cut == 0 {
		tcp[16], tcp[17] = 0, 0
		addresses := ip[12:20]
		if ip[0]>>4 == 6 {
			addresses = ip[8:40]
		}
		s := sum(0, addresses) + protoTCP + uint64(len(tcp)+len(f.payload))
		s = sum(sum(s, tcp), f.payload)
		binary.BigEndian.PutUint16(tcp[16:], ^fold(s))
	}
	p := f.Packet
	p.Link = f.link
	p.Length = len(f.linkHeader) + full
	p.Data = make([]byte, 0, len(f.linkHeader)+len(ip)+len(tcp)+len(f.payload))
	p.Data = append(p.Data, f.linkHeader...)
	p.Data = append(p.Data, ip...)
	p.Data = append(p.Data, tcp...)
	p.Data = append(p.Data, f.payload...)
	return p
}

// length16 gives an IP length field: 0 where the packet is larger, as with segmentation offload.
func length16(n int) uint16 {
	if n > 65535 {
		return 0
	}
	return uint16(n)
}

// sum adds the 16-bit words of b, which starts at an even place (RFC 1071).
func sum(s uint64, b []byte) uint64 {
	for len(b) >= 2 {
		s += uint64(b[0])<<8 | uint64(b[1])
		b = b[2:]
	}
	if len(b) == 1 {
		s += uint64(b[0]) << 8
	}
	return s
}

func fold(s uint64) uint16 {
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

func (f *frame) src() netip.AddrPort { return f.endpoint(12, 8, 0) }
func (f *frame) dst() netip.AddrPort { return f.endpoint(16, 24, 2) }

func (f *frame) endpoint(at4, at6, port int) netip.AddrPort {
	var a netip.Addr
	if f.ip[0]>>4 == 4 {
		a = netip.AddrFrom4([4]byte(f.ip[at4:]))
	} else {
		a = netip.AddrFrom16([16]byte(f.ip[at6:]))
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(f.tcp[port:]))
}

func (f *frame) seq() uint32     { return binary.BigEndian.Uint32(f.tcp[4:]) }
func (f *frame) ack() uint32     { return binary.BigEndian.Uint32(f.tcp[8:]) }
func (f *frame) flags() uint8    { return f.tcp[13] }
func (f *frame) length() int     { return len(f.payload) + f.cut }
func (f *frame) setSeq(v uint32) { binary.BigEndian.PutUint32(f.tcp[4:], v) }
func (f *frame) setAck(v uint32) { binary.BigEndian.PutUint32(f.tcp[8:], v) }
func (f *frame) setIPID(v uint16) {
	if f.ip[0]>>4 == 4 {
		binary.BigEndian.PutUint16(f.ip[4:], v)
	}
}

func (f *frame) ipid() uint16 {
	if f.ip[0]>>4 == 4 {
		return binary.BigEndian.Uint16(f.ip[4:])
	}
	return 0
}

// option finds a TCP option by kind: its place in the header and its length, 0 if absent.
func (f *frame) option(kind byte) (at, size int) {
	for i := 20; i < len(f.tcp); {
		switch k := f.tcp[i]; {
		case k == 0:
			return 0, 0
		case k == 1:
			i++
		case i+1 >= len(f.tcp) || f.tcp[i+1] < 2 || i+int(f.tcp[i+1]) > len(f.tcp):
			return 0, 0
		case k == kind:
			return i, int(f.tcp[i+1])
		default:
			i += int(f.tcp[i+1])
		}
	}
	return 0, 0
}

// flow is one direction of a connection.
type flow struct{ from, to netip.AddrPort }

func (f *frame) flow() flow   { return flow{f.src(), f.dst()} }
func (f flow) back() flow     { return flow{f.to, f.from} }
func before(a, b uint32) bool { return int32(a-b) < 0 }

// newer gives the later of two sequence numbers.
func newer(a, b uint32) uint32 {
	if before(a, b) {
		return b
	}
	return a
}
