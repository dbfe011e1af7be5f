package tlsrecord

import (
	"fmt"
	"testing"

	"github.com/respsniff/respsniff/reassembly"
)

// TestValuesThatHoldTLS: what is said in the clear stays so, also if it is TLS that somebody stored and a segment begins with a record of it.
func TestValuesThatHoldTLS(t *testing.T) {
	for name, talks := range conversations(t) {
		stored := ""
		for _, w := range talks[0].writes {
			if w.from == reassembly.A {
				stored += string(w.p)
			}
		}
		clear := &talk{keys: talks[0].keys, writes: []write{
			{reassembly.A, fmt.Appendf(nil, "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$%d\r\n", len(stored))}, {reassembly.A, []byte(stored)}, {reassembly.A, []byte("\r\n")},
			{reassembly.B, []byte("+OK\r\n")}, {reassembly.A, []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n")},
			{reassembly.B, fmt.Appendf(nil, "$%d\r\n", len(stored))}, {reassembly.B, []byte(stored)}, {reassembly.B, []byte("\r\n")},
		}}
		for _, w := range clear.writes {
			clear.said[w.from] += string(w.p)
		}
		list := clear.segments(1, 1448, nil, 0)
		if h := listen(t, newStage(clear.keys), list); h.content != clear.said || list[0].Conn.Encryption != nil {
			t.Errorf("%s: %d and %d bytes in the clear, want %d and %d", name, len(h.content[0]), len(h.content[1]), len(clear.said[0]), len(clear.said[1]))
		}
	}
}

// TestBehindTheHeaderOfAProxy: TLS begins behind the header of the PROXY protocol, in either version.
func TestBehindTheHeaderOfAProxy(t *testing.T) {
	for name, talks := range conversations(t) {
		for _, header := range []string{"PROXY TCP4 198.18.0.2 198.18.0.11 40000 6380\r\n", string(proxyBinary) + "\x20\x00\x00\x00"} {
			k := &talk{keys: talks[0].keys, writes: append([]write{{reassembly.A, []byte(header)}}, talks[0].writes...)}
			k.said = [2]string{header + talks[0].said[0], talks[0].said[1]}
			if h := listen(t, newStage(k.keys), k.segments(1, 1448, nil, 0)); h.content != k.said {
				t.Errorf("%s, %.5q: %.60q", name, header, h.content[0])
			}
		}
	}
}
