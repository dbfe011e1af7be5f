package reassembly

import (
	"encoding/binary"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

var linkTypes = []capture.LinkType{
	capture.LinkNull, capture.LinkEthernet, capture.LinkPPP, capture.LinkRawOld, capture.LinkRawBSD, capture.LinkPPPHDLC,
	capture.LinkPPPoE, capture.LinkRaw, capture.LinkLoop, capture.LinkSLL, capture.LinkIPv4, capture.LinkIPv6,
	capture.LinkSLL2, 147,
}

// FuzzPackets reads its input as packets, each behind a header of link type, time step, cut and length, and checks what
// assemble checks of any capture.
func FuzzPackets(f *testing.F) {
	record := func(p capture.Packet) []byte {
		b := []byte{7, 1, 0, 0, 0}
		binary.BigEndian.PutUint16(b[3:], uint16(len(p.Data)))
		return append(b, p.Data...)
	}
	for _, list := range [][]pk{
		hello(pk{from: "a", flags: ACK, data: "PING"}, pk{from: "b", flags: ACK | FIN, seq: 3, ack: 4, data: "x"}),
		{{from: "a", flags: ACK, seq: 5, data: "two"}, {from: "a", flags: ACK, data: "ones and"}, {from: "b", flags: RST}},
	} {
		var seed []byte
		for _, p := range build(list) {
			seed = append(seed, record(p)...)
		}
		f.Add(seed)
	}
	tcp := tcpBytes(1, 2, 3, 4, ACK, nil, []byte("x"))
	inner := join(etherV4, ipv4Bytes(addrA, addrB, protoTCP, 1, tcp))
	for _, ip := range [][]byte{
		ipv4Bytes(addrA, addrB, protoUDP, 1, udp(4789, join("08000000 00000100", inner))),
		ipv4Bytes(addrA, addrB, protoGRE, 1, join("1000 88be 00000001 10050001 00000000", inner)),
		ipv6Bytes(six1, six2, protoFragment, join("06 00 0001 00000001", tcp[:16])),
	} {
		f.Add(record(capture.Packet{Data: ip}))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var packets []capture.Packet
		now := capture.Time(1e18)
		for len(data) >= 5 {
			n := min(int(binary.BigEndian.Uint16(data[3:])), len(data)-5)
			now += capture.Time(int64(int8(data[1])) * 5e6)
			packets = append(packets, capture.Packet{
				Time: now, Frame: int64(len(packets) + 1), Link: linkTypes[int(data[0])%len(linkTypes)],
				Length: n + int(data[2]), Data: data[5 : 5+n],
			})
			data = data[5+n:]
		}
		assembleAny(t, packets, Options{MaxConns: 4, MaxHolePackets: 8, MaxBuffered: 1 << 14})
	})
}
