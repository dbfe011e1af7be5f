package bench_test

import (
	"encoding/binary"
	"iter"

	"github.com/respsniff/respsniff/capture"
)

// Sizes of the headers that traffic writes: Ethernet, IPv4 and TCP without options.
const (
	etherLen  = 14
	ipLen     = 20
	headerLen = etherLen + ipLen + 20
)

// Template frames: a TCP segment with ACK and PSH from 10.0.0.1 to 10.0.0.2.
var template = [headerLen]byte{
	0x02, 0, 0, 0, 0, 2, 0x02, 0, 0, 0, 0, 1, 0x08, 0x00,
	0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0,
}

// traffic is a healthy workload: conns connections of one host take turns, each with a request of depth commands in
// one segment and its replies in another, 100 microseconds apart. SET and GET alternate.
type traffic struct {
	conns, depth int
	frame        []byte
	time         capture.Time
	frames       int64
	state        []endState
	slow         bool // each connection's eighth reply comes 30 ms late, and the client waits for it
	pushes       bool // each reply is followed by an invalidation, in a segment of its own
}

// endState is the next sequence number of each side.
type endState struct{ client, server uint32 }

func newTraffic(conns, depth int) *traffic {
	return &traffic{conns: conns, depth: depth, frame: append([]byte(nil), template[:]...), time: 1_700_000_000_000_000_000, state: make([]endState, conns)}
}

const (
	setRequest = "*3\r\n$3\r\nSET\r\n$16\r\nkey:000000012345\r\n$16\r\nxxxxxxxxxxxxxxxx\r\n"
	setReply   = "+OK\r\n"
	getRequest = "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000012345\r\n"
	getReply   = "$16\r\nxxxxxxxxxxxxxxxx\r\n"
	push       = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$16\r\nkey:000000012345\r\n"
)

// packets yields handshakes of all connections, then n packets of requests and replies. It may be called again: the
// connections go on.
func (t *traffic) packets(n int) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		if t.frames == 0 {
			for c := range t.conns {
				s := &t.state[c]
				if !yield(t.packet(c, true, 0x02, "", 1), nil) {
					return
				}
				s.client++
				if !yield(t.packet(c, false, 0x12, "", 1), nil) {
					return
				}
				s.server++
				if !yield(t.packet(c, true, 0x10, "", 1), nil) {
					return
				}
			}
		}
		for i := 0; i < n; i += 2 {
			turn := i / 2
			c := turn % t.conns
			request, reply := getRequest, getReply
			if turn/t.conns%2 == 0 {
				request, reply = setRequest, setReply
			}
			if !yield(t.packet(c, true, 0x18, request, t.depth), nil) {
				return
			}
			if t.slow && turn/t.conns == 7 {
				t.time += 30_000_000
			}
			if !yield(t.packet(c, false, 0x18, reply, t.depth), nil) {
				return
			}
			if t.pushes && !yield(t.packet(c, false, 0x18, push, 1), nil) {
				return
			}
		}
	}
}

func (t *traffic) packet(c int, client bool, flags byte, body string, times int) capture.Packet {
	t.frames++
	t.time += 100_000
	b := append(t.frame[:0], template[:]...)
	for range times {
		b = append(b, body...)
	}
	t.frame = b
	s := &t.state[c]
	size := uint32(len(body) * times)
	ip, tcp := b[etherLen:], b[etherLen+ipLen:]
	binary.BigEndian.PutUint16(ip[2:], uint16(len(b)-etherLen))
	binary.BigEndian.PutUint16(ip[4:], uint16(t.frames))
	port := uint16(1024 + c)
	if client {
		binary.BigEndian.PutUint16(tcp, port)
		binary.BigEndian.PutUint16(tcp[2:], 6379)
		binary.BigEndian.PutUint32(tcp[4:], s.client)
		binary.BigEndian.PutUint32(tcp[8:], s.server)
		s.client += size
	} else {
		ip[15], ip[19] = 2, 1
		binary.BigEndian.PutUint16(tcp, 6379)
		binary.BigEndian.PutUint16(tcp[2:], port)
		binary.BigEndian.PutUint32(tcp[4:], s.server)
		binary.BigEndian.PutUint32(tcp[8:], s.client)
		s.server += size
	}
	tcp[13] = flags
	return capture.Packet{Time: t.time, Frame: t.frames, Link: capture.LinkEthernet, Length: len(b), Data: b}
}
