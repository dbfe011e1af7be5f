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
