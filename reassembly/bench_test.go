package reassembly

import (
	"encoding/binary"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// traffic is endless request and reply over conns connections in Ethernet frames with timestamps, as a client library
// makes it; every lose-th packet with payload is not captured (0: none).
func traffic(conns, body, lose int) func(yield func(capture.Packet, error) bool) {
	ts := join("0101080a 00000001 00000002")
	request := []byte("*2\r\n$3\r\nGET\r\n$8\r\nkey:0001\r\n")
	reply := make([]byte, body)
	frame := func(ip []byte) []byte { return join(etherV4, ip) }
	there := frame(ipv4Bytes(addrA, addrB, protoTCP, 1, tcpBytes(40000, 6379, 0, 0, ACK|PSH, ts, request)))
	back := frame(ipv4Bytes(addrB, addrA, protoTCP, 1, tcpBytes(6379, 40000, 0, 0, ACK|PSH, ts, reply)))
	type state struct{ a, b uint32 }
	states := make([]state, conns)
	return func(yield func(capture.Packet, error) bool) {
		t := capture.Time(1e18)
		id := uint16(0)
		for n := 1; ; n++ {
			c := n % conns
			s := &states[c]
			for i, data := range [][]byte{there, back} {
				tcp := data[ethernetHeader+ipv4Header:]
				seq, ack, port := s.a, s.b, tcp
				if i == 1 {
					seq, ack, port = s.b, s.a, tcp[2:]
				}
				binary.BigEndian.PutUint16(port, uint16(c))
				binary.BigEndian.PutUint16(data[ethernetHeader+12+4*i+2:], 1+uint16(c>>16))
				id++
				binary.BigEndian.PutUint16(data[ethernetHeader+4:], id)
				binary.BigEndian.PutUint32(tcp[4:], seq)
				binary.BigEndian.PutUint32(tcp[8:], ack)
				if i == 0 {
					s.a += uint32(len(request))
				} else {
					s.b += uint32(len(reply))
				}
				t += 5000
				if lose > 0 && (2*n+i)%lose == 0 {
					continue
				}
				if !yield(capture.Packet{Time: t, Frame: int64(n), Link: capture.LinkEthernet, Length: len(data), Data: data}, nil) {
					return
				}
			}
		}
	}
}

func benchmark(b *testing.B, conns, body, lose int) {
	a := New(Options{})
	source := traffic(conns, body, lose)
	// Warm up, so that connections and buffers exist.
	left := 2*conns + 20000
	total := left + b.N
	b.ReportAllocs()
	n := 0
	packets := func(yield func(capture.Packet, error) bool) {
		for p, err := range source {
			if n == left {
				b.ResetTimer()
			}
			if n++; n > total || !yield(p, err) {
				return
			}
		}
	}
	bytes := 0
	for seg := range a.Segments(packets) {
		bytes += seg.Length
	}
	if bytes == 0 {
		b.Fatal("nothing came out")
	}
}

func BenchmarkSmall(b *testing.B)       { benchmark(b, 50, 5, 0) }
func BenchmarkLarge(b *testing.B)       { benchmark(b, 50, 1400, 0) }
func BenchmarkConnections(b *testing.B) { benchmark(b, 50000, 5, 0) }
func BenchmarkLoss(b *testing.B)        { benchmark(b, 50, 5, 100) }
func BenchmarkSource(b *testing.B) {
	n := 0
	for range traffic(50, 5, 0) {
		if n++; n > b.N {
			break
		}
	}
}
