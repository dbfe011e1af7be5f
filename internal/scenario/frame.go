package scenario

import (
	"encoding/binary"
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// TCP flags of RFC 9293 section 3.1.
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	flagPSH
	flagACK
)

// timestampLength is what the timestamps option takes in a segment: 10 bytes and two of padding (RFC 7323).
const timestampLength = 12

const (
	protoTCP    = 6
	etherIPv4   = 0x0800
	etherIPv6   = 0x86dd
	ipv6HeadLen = 40
)

// header is what a generated packet says beside its payload.
type header struct {
	from, to     netip.AddrPort
	seq, ack     uint32
	flags        uint8
	window       uint16
	ttl          uint8
	ipid         uint16
	mss          uint16 // in a SYN
	timestamps   bool
	tsval, tsecr uint32
}

// build makes a packet of a header and a payload.
func build(style linkStyle, h header, payload []byte) capture.Packet {
	var options []byte
	if h.flags&flagSYN != 0 {
		options = append(options, 2, 4, byte(h.mss>>8), byte(h.mss), 1, 3, 3, windowScale)
	}
	if h.timestamps {
		options = append(options, 1, 1, 8, 10)
		options = binary.BigEndian.AppendUint32(options, h.tsval)
		options = binary.BigEndian.AppendUint32(options, h.tsecr)
	}
	tcp := make([]byte, 20, 20+len(options)+len(payload))
	binary.BigEndian.PutUint16(tcp[0:], h.from.Port())
	binary.BigEndian.PutUint16(tcp[2:], h.to.Port())
	binary.BigEndian.PutUint32(tcp[4:], h.seq)
	binary.BigEndian.PutUint32(tcp[8:], h.ack)
	tcp[12] = byte(20+len(options)) << 2
	tcp[13] = h.flags
	binary.BigEndian.PutUint16(tcp[14:], h.window)
	f := frame{tcp: append(tcp, options...), payload: payload, ip: ipHeader(h)}
	f.link, f.linkHeader = style.header(h.from.Addr(), h.to.Addr())
	return f.packet()
}

// ipHeader makes an IPv4 or IPv6 header without lengths and checksum.
func ipHeader(h header) []byte {
	from, to := h.from.Addr(), h.to.Addr()
	if from.Is4() {
		ip := make([]byte, 20)
		ip[0] = 0x45
		binary.BigEndian.PutUint16(ip[4:], h.ipid)
		ip[6] = 0x40 // DF
		ip[8], ip[9] = h.ttl, protoTCP
		a, b := from.As4(), to.As4()
		copy(ip[12:], a[:])
		copy(ip[16:], b[:])
		return ip
	}
	ip := make([]byte, ipv6HeadLen)
	ip[0] = 0x60
	ip[6], ip[7] = protoTCP, h.ttl
	a, b := from.As16(), to.As16()
	copy(ip[8:], a[:])
	copy(ip[24:], b[:])
	return ip
}

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
