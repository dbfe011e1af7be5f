package stages

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
)

func TestLines(t *testing.T) {
	at := capture.TimeOf(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	conn := &reassembly.Conn{ID: 7, Start: reassembly.Handshake, Ends: [2]netip.AddrPort{netip.MustParseAddrPort("10.0.0.1:4000"), netip.MustParseAddrPort("10.0.0.2:6379")}}
	text := "*2\r\n$3\r\nGET\r\n$1\r\na\r\n"
	s := &reassembly.Segment{
		Conn: conn, From: reassembly.A, Flags: reassembly.PSH | reassembly.ACK, Time: at, Frame: 9, Length: len(text), Payload: []byte(text), Ack: 3, Header: reassembly.Header{Window: 500}, Late: true,
	}
	if got, want := Segment(s, report.Mask{}), "2026-01-02T03:04:05.000000Z conn=7 frame=9 10.0.0.1:4000>10.0.0.2:6379 [P.] off=0 len=20 cap=20 ack=3 win=500 late\n"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	var values Values
	var b bytes.Buffer
	if err := values.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	s.From, s.Payload, s.Length = reassembly.B, []byte("+OK\r\n:x\r\n"), 9
	if err := values.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	want := "2026-01-02T03:04:05.000000Z conn=7 frame=9 > [0,20) GET, 2 arguments\n" +
		"2026-01-02T03:04:05.000000Z conn=7 frame=9 < [0,5) simple n=0\n"
	if got := b.String(); len(got) <= len(want) || got[:len(want)] != want || !bytes.Contains(b.Bytes()[len(want):], []byte("frame=9 not RESP: ")) {
		t.Errorf("%s\nwant %s", got, want)
	}
}
