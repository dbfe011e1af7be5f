package tlsrecord

import (
	"crypto/tls"
	"encoding/binary"
	"testing"

	"github.com/respsniff/respsniff/reassembly"
)

// FuzzStage: whatever stands in the packets of a connection, the stage hands on each place once, in order, and acknowledges none
// before. The input is a list of packets: what is lost before each, its side, how much of it was captured, its length.
func FuzzStage(f *testing.F) {
	keys := ""
	for _, client := range []*tls.Config{{}, {MaxVersion: tls.VersionTLS12}} {
		k := speak(f, 1, client, &tls.Config{}, []string{"PING\r\n", "GET x\r\n"}, func(int) string { return "+PONG\r\n" })[0]
		keys += k.keys
		for _, cut := range []byte{0, 1, 60} {
			var seed []byte
			for i, w := range k.writes {
				lost := byte(0)
				if cut > 0 && i%7 == 5 {
					lost = cut
				}
				for p := w.p; len(p) > 0; p = p[min(len(p), 1448):] {
					n := min(len(p), 1448)
					seed = append(seed, lost, byte(w.from)<<7|cut)
					seed = binary.BigEndian.AppendUint16(seed, uint16(n))
					seed = append(seed, p[:n]...)
				}
			}
			f.Add(seed, true)
			f.Add(seed, false)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte, begun bool) {
		conn := &reassembly.Conn{ID: 1}
		if begun {
			conn.Start = reassembly.Handshake
		}
		var list []*reassembly.Segment
		var next [2]int64
		for n := int64(1); len(in) >= 4; n++ {
			lost, from, cut, length := int64(in[0]), reassembly.Side(in[1]>>7), int(in[1]&0x7f), int(binary.BigEndian.Uint16(in[2:]))
			in = in[4:]
			length = min(length, len(in))
			s := &reassembly.Segment{Conn: conn, From: from, Flags: reassembly.ACK, Frame: n, Missing: lost, Length: length, Payload: in[:length-min(cut, length)], Ack: next[1-from]}
			in = in[length:]
			next[from] += lost
			s.Offset = next[from]
			next[from] += int64(length)
			list = append(list, s)
		}
		listen(t, newStage(keys), append(list, &reassembly.Segment{Conn: conn, End: reassembly.EndCapture}))
	})
}
