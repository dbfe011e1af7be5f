package tlsrecord

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/reassembly"
)

// TestBegunInTheHandshake: a capture that begins anywhere in a handshake of TLS 1.3 has all of the application, and what its first records
// cannot show makes no encrypted write of a connection that is read. That holds where each record is a packet, too.
func TestBegunInTheHandshake(t *testing.T) {
	for name, talks := range conversations(t) {
		if strings.HasPrefix(name, "TLS 1.2") {
			continue
		}
		k := &talk{said: talks[0].said, keys: talks[0].keys}
		for i, w := range talks[0].writes { // one record a write
			for p := w.p; len(p) > 0; {
				_, n, _ := header(p)
				k.writes = append(k.writes, write{w.from, p[:headerSize+n]})
				p = p[headerSize+n:]
				if i < talks[0].shakes {
					k.shakes++
				}
			}
		}
		writes := k.writes
		for from := range k.shakes + 1 {
			k.writes = writes[from:]
			list := k.segments(1, 0, nil, 0)
			list[0].Conn.Start = reassembly.MidStream
			h := listen(t, newStage(k.keys), list)
			if h.content != k.said || h.sealed+h.part > 0 {
				t.Errorf("%s, from record %d on: %d and %d bytes of content, want %d and %d; %d records sealed, %d in part",
					name, from+1, len(h.content[0]), len(h.content[1]), len(k.said[0]), len(k.said[1]), h.sealed, h.part)
			}
		}
	}
}

// TestOneDirection: what one side said is read without the other, also where the capture has no ServerHello or no ClientHello.
func TestOneDirection(t *testing.T) {
	for name, talks := range conversations(t) {
		if strings.HasPrefix(name, "TLS 1.2") {
			continue
		}
		for side := range reassembly.Side(2) {
			k := &talk{said: talks[0].said, keys: talks[0].keys}
			for _, w := range talks[0].writes {
				if w.from == side {
					k.writes = append(k.writes, w)
				}
			}
			if h := listen(t, newStage(k.keys), k.segments(1, 0, nil, 0)); h.content[side] != k.said[side] || h.sealed+h.part > 0 {
				t.Errorf("%s, side %d: %d bytes of content, want %d; %d records sealed, %d in part", name, side, len(h.content[side]), len(k.said[side]), h.sealed, h.part)
			}
		}
	}
}

// TestCutServerHello: where the snapshot length cuts the suite off the ServerHello, what is whole is read, what is cut in front of the first
// record that opens is missing, and nothing of the handshake is taken for content. Cut pieces of a client's certificate may be a command.
func TestCutServerHello(t *testing.T) {
	for name, talks := range conversations(t) {
		if strings.HasPrefix(name, "TLS 1.2") {
			continue
		}
		for _, k := range talks {
			list := k.segments(1, 0, nil, 62)
			h := listen(t, newStage(k.keys), list)
			if e := list[0].Conn.Encryption; h.sealed > 0 || h.missing != [2]int64{} && name != "TLS 1.3 certificates" || e.Read != e.Records || !strings.HasPrefix(strings.TrimLeft(h.content[0], "\x00"), "PING\r\nGET big\r\nGET kkk") ||
				!strings.HasPrefix(h.content[1], "+PONG\r\n$50000\r\nvvv") || !strings.HasSuffix(h.content[1], "+PONG\r\n:1\r\n") {
				t.Errorf("%s: %d sealed, %d missing, %+v, %.40q, %.40q", name, h.sealed, h.missing, e, h.content[0], h.content[1])
			}
		}
	}
}
