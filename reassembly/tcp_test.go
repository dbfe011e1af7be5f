package reassembly

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hello is a handshake in frames 1 to 3.
func hello(more ...pk) []pk {
	return append([]pk{
		{ms: 0, from: "a", flags: SYN, seq: -1},
		{ms: 1, from: "b", flags: SYN | ACK, seq: -1, ack: 0},
		{ms: 2, from: "a", flags: ACK, seq: 0, ack: 0},
	}, more...)
}

const helloLines = "a1 0+0 syn\nb2 0+0 ack 0 syn\na3 0+0 ack 0\n"

func lines(s string) string {
	var out []string
	for l := range strings.Lines(s) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n") + "\n"
}

func TestConnections(t *testing.T) {
	for _, c := range []struct {
		name  string
		input []pk
		want  string
	}{
		{"request and reply across the wrap, closed by FIN", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "GET 0123456789 wrap"},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 19, data: "value"},
			pk{ms: 5, from: "a", flags: ACK, seq: 19, ack: 5, data: "QUIT"},
			pk{ms: 6, from: "b", flags: ACK, seq: 5, ack: 23, data: "+OK"},
			pk{ms: 7, from: "b", flags: ACK | FIN, seq: 8, ack: 23},
			pk{ms: 8, from: "a", flags: ACK | FIN, seq: 23, ack: 9},
			pk{ms: 9, from: "b", flags: ACK, seq: 9, ack: 24},
		), helloLines + `a4 0+19 ack 0 GET 0123456789 wrap
			b5 0+5 ack 19 value
			a6 19+4 ack 5 QUIT
			b7 5+3 ack 23 +OK
			b8 8+0 ack 23 fin
			a9 23+0 ack 9 fin
			b10 9+0 ack 24
			FIN`},
		{"half-close: the reply comes after the client's FIN", hello(
			pk{ms: 3, from: "a", flags: ACK | FIN, seq: 0, data: "PING"},
			pk{ms: 4000, from: "b", flags: ACK, seq: 0, ack: 5, data: "+PONG"},
			pk{ms: 4001, from: "a", flags: ACK, seq: 5, ack: 5},
			pk{ms: 4002, from: "b", flags: ACK | FIN, seq: 5, ack: 5},
		), helloLines + `a4 0+4 ack 0 fin PING
			b5 0+5 ack 5 +PONG
			a6 5+0 ack 5
			b7 5+0 ack 5 fin
			FIN`},
		{"a FIN that is never answered", hello(
			pk{ms: 3, from: "b", flags: ACK | FIN, seq: 0},
			pk{ms: 4, from: "a", flags: ACK, seq: 0, ack: 1},
		), helloLines + "b4 0+0 ack 0 fin\na5 0+0 ack 1\nCAPTURE"},
		{"refused SYN, then another try from the same port", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 1, from: "b", flags: RST | ACK, seq: -5000, ack: 0},
			{ms: 500, from: "a", flags: SYN, seq: 999},
			{ms: 501, from: "b", flags: RST | ACK, seq: -5000, ack: 1000},
		}, `a1 0+0 syn
			b2 0+0 ack 0 rst
			RST
			#2 a3 0+0 syn
			#2 b4 0+0 ack 0 rst
			#2 RST`},
		{"retransmitted SYN and SYN-ACK are of the same connection", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 1000, from: "a", flags: SYN, seq: -1},
			{ms: 1001, from: "b", flags: SYN | ACK, seq: -1},
			{ms: 2001, from: "b", flags: SYN | ACK, seq: -1},
			{ms: 2002, from: "a", flags: ACK},
		}, `a1 0+0 syn
			a2 0+0 syn
			b3 0+0 ack 0 syn
			b4 0+0 ack 0 syn
			a5 0+0 ack 0
			CAPTURE`},
		{"a server that forgot its first SYN-ACK", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 1, from: "b", flags: SYN | ACK, seq: -1},
			{ms: 1000, from: "a", flags: SYN, seq: -1},
			{ms: 1001, from: "b", flags: SYN | ACK, seq: 70000},
			{ms: 1002, from: "a", flags: ACK, ack: 70001, data: "PING"},
		}, `a1 0+0 syn
			b2 0+0 ack 0 syn
			a3 0+0 syn
			b4 0+0 ack 0 syn
			a5 0+4 ack 0 PING
			CAPTURE`},
		{"the SYN is answered for the connection before, with a number far ahead", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 1, from: "b", flags: ACK, seq: 7, ack: 70000000},
			{ms: 2, from: "a", flags: RST, seq: 70000000},
			{ms: 1000, from: "a", flags: SYN, seq: -1},
			{ms: 1001, from: "b", flags: SYN | ACK, seq: 80000, ack: 0},
			{ms: 1002, from: "a", flags: ACK, ack: 80001, data: "PING"},
		}, `a1 0+0 syn
			b2 0+0
			a3 0+0 rst
			a4 0+0 syn
			RST
			#2 b5 0+0 ack 0 syn
			#2 a6 0+4 ack 0 PING
			#2 CAPTURE`},
		{"a late reply of the connection before, between SYN and SYN-ACK", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 1, from: "b", flags: ACK | FIN, seq: 0, ack: 70000, data: "late reply"},
			{ms: 2, from: "b", flags: SYN | ACK, seq: 80000, ack: 0},
			{ms: 3, from: "a", flags: ACK, ack: 80001, data: "PING"},
			{ms: 4, from: "b", flags: ACK, seq: 80001, ack: 4, data: "+PONG"},
			{ms: 5, from: "a", flags: ACK | FIN, seq: 4, ack: 80006},
			{ms: 6, from: "b", flags: ACK | FIN, seq: 80006, ack: 5},
		}, `a1 0+0 syn
			b3 0+0 ack 0 syn
			a4 0+4 ack 0 PING
			b5 0+5 ack 4 +PONG
			a6 4+0 ack 5 fin
			b7 5+0 ack 5 fin
			FIN`},
		{"data after a RST stays with the old connection", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "GET"},
			pk{ms: 4, from: "a", flags: RST | ACK, seq: 3},
			pk{ms: 5, from: "b", flags: ACK, seq: 0, ack: 3, data: "late reply"},
			pk{ms: 6, from: "a", flags: RST, seq: 3},
			pk{ms: 3000, from: "b", flags: ACK, seq: 0, ack: 3, data: "late reply"},
		), helloLines + `a4 0+3 ack 0 GET
			a5 3+0 ack 0 rst
			b6 0+10 ack 3 late reply
			a7 3+0 rst
			RST`},
		{"port used again without a close", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "one"},
			pk{ms: 9000, from: "a", flags: SYN, seq: 70000},
			pk{ms: 9001, from: "b", flags: SYN | ACK, seq: 80000, ack: 70001},
			pk{ms: 9002, from: "a", flags: ACK, seq: 70001, ack: 80001, data: "two"},
		), helloLines + `a4 0+3 ack 0 one
			REUSED
			#2 a5 0+0 syn
			#2 b6 0+0 ack 0 syn
			#2 a7 0+3 ack 0 two
			#2 CAPTURE`},
		{"port used again, the SYN behind its data: no loss of 70 MB", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "one"},
			pk{ms: 3000, from: "a", flags: ACK, seq: 70000000, ack: 80000001, data: "two"},
			pk{ms: 3000, from: "a", flags: SYN, seq: 69999999},
			pk{ms: 3001, from: "b", flags: SYN | ACK, seq: 80000000, ack: 70000000},
			pk{ms: 3002, from: "a", flags: ACK, seq: 70000003, ack: 80000001, data: "three"},
			pk{ms: 3003, from: "b", flags: ACK, seq: 80000001, ack: 70000008, data: "+OK"},
		), helloLines + `a4 0+3 ack 0 one
			REUSED
			#2 a6 0+0 syn
			#2 b7 0+0 ack 0 syn
			#2 a8 3+5 ack 0 missing 3 three
			#2 b9 0+3 ack 8 +OK
			#2 CAPTURE`},
		{"port used again, the SYN lost: the SYN-ACK shows it", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "one"},
			pk{ms: 9001, from: "b", flags: SYN | ACK, seq: 80000, ack: 70001},
			pk{ms: 9002, from: "a", flags: ACK, seq: 70001, ack: 80001, data: "two"},
		), helloLines + `a4 0+3 ack 0 one
			REUSED
			#2 b5 0+0 ack 0 syn
			#2 a6 0+3 ack 0 two
			#2 CAPTURE`},
		{"after a close, far data without SYN is another connection", hello(
			pk{ms: 3, from: "a", flags: RST, seq: 0},
			pk{ms: 9000, from: "a", flags: ACK, seq: 5 << 20, ack: 7 << 20, data: "new"},
		), helloLines + "a4 0+0 rst\nRST\n#2 a5 0+3 ack 0 new\n#2 CAPTURE"},
		{"a hole that the peer's ACK covers", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "one"},
			pk{ms: 4, from: "a", flags: ACK, seq: 6, data: "three"},
			pk{ms: 5, from: "b", flags: ACK, seq: 0, ack: 11, data: "+OK"},
			pk{ms: 100, from: "a", flags: ACK, seq: 11, ack: 3, data: "four"},
		), helloLines + `a4 0+3 ack 0 one
			a5 6+5 ack 0 missing 3 three
			b6 0+3 ack 11 +OK
			a7 11+4 ack 3 four
			CAPTURE`},
		{"a hole that fills: what follows waits for it, also the reply", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 3, data: "two"},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 6, data: "+OK"},
			pk{ms: 5, from: "a", flags: ACK, seq: 0, data: "one"},
		), helloLines + `a6 0+3 ack 0 late one
			a4 3+3 ack 0 two
			b5 0+3 ack 6 +OK
			CAPTURE`},
		{"an unacknowledged hole waits for the retransmission", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 3, data: "two"},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 0, data: "push"},
			pk{ms: 900, from: "a", flags: ACK, seq: 0, ack: 4, data: "one"},
		), helloLines + `b5 0+4 ack 0 push
			a6 0+3 ack 4 late one
			a4 3+3 ack 0 two
			CAPTURE`},
		{"an unacknowledged hole is given up in the end", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 3, data: "two"},
			pk{ms: 6000, from: "b", flags: ACK, seq: 0, ack: 0, data: "push"},
		), helloLines + "a4 3+3 ack 0 missing 3 two\nb5 0+4 ack 0 push\nCAPTURE"},
		{"the ACK stands in the file before its data", hello(
			pk{ms: 3, from: "b", flags: ACK, seq: 0, ack: 4, data: "+PONG"},
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "PING"},
		), helloLines + "a5 0+4 ack 0 PING\nb4 0+5 ack 4 +PONG\nCAPTURE"},
		{"acknowledged bytes that never come", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "GET"},
			pk{ms: 4, from: "a", flags: ACK, seq: 3, ack: 100, data: "GET"},
			pk{ms: 100, from: "b", flags: ACK, seq: 100, ack: 6, data: "+OK"},
		), helloLines + `a4 0+3 ack 0 GET
			b5 100+0 missing 100
			a5 3+3 ack 100 GET
			b6 100+3 ack 6 +OK
			CAPTURE`},
		{"loss at the end shows too", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "GET"},
			pk{ms: 4, from: "a", flags: ACK, seq: 3, ack: 7},
		), helloLines + "a4 0+3 ack 0 GET\nb5 7+0 missing 7\na5 3+0 ack 7\nCAPTURE"},
		{"the other side was never captured: no waiting after the first", []pk{
			{ms: 0, from: "a", flags: ACK, seq: 0, ack: 10, data: "one"},
			{ms: 1, from: "a", flags: ACK, seq: 3, ack: 20, data: "two"},
			{ms: 200, from: "a", flags: ACK, seq: 6, ack: 30, data: "three"},
			{ms: 201, from: "a", flags: ACK, seq: 11, ack: 40, data: "four"},
		}, `a1 0+3 ack 0 one
			b2 10+0 missing 10
			a2 3+3 ack 10 two
			b3 20+0 missing 10
			a3 6+5 ack 20 three
			b4 30+0 missing 10
			a4 11+4 ack 30 four
			CAPTURE`},
		{"retransmissions and overlaps: the first copy counts", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "abcdef"},
			pk{ms: 300, from: "a", flags: ACK, seq: 0, ack: 0, data: "abcdef"},
			pk{ms: 301, from: "a", flags: ACK, seq: 3, ack: 0, data: "defghi"},
			pk{ms: 302, from: "a", flags: ACK, seq: 0, ack: 0, data: "ABCDEF"},
		), helloLines + `a4 0+6 ack 0 abcdef
			a5 6+0 ack 0 repeated 6
			a6 6+3 ack 0 repeated 3 ghi
			a7 9+0 ack 0 repeated 6 conflict
			CAPTURE`},
		{"overlap while waiting: the first copy counts", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 5, data: "fghij"},
			pk{ms: 4, from: "a", flags: ACK, seq: 0, data: "abcdeFGHIJKL"},
		), helloLines + `a5 0+5 ack 0 late abcde
			a4 5+5 ack 0 fghij
			a5 10+2 ack 0 repeated 5 late conflict KL
			CAPTURE`},
		{"overlap of two that wait", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 2, data: "cdef"},
			pk{ms: 4, from: "a", flags: ACK, seq: 4, data: "EFgh"},
			pk{ms: 5, from: "a", flags: ACK, seq: 0, data: "ab"},
		), helloLines + `a6 0+2 ack 0 late ab
			a4 2+4 ack 0 cdef
			a5 6+2 ack 0 repeated 2 late conflict gh
			CAPTURE`},
		{"keep-alive", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "PING"},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 4, data: "+PONG"},
			pk{ms: 60000, from: "b", flags: ACK, seq: 4, ack: 4},
			pk{ms: 60001, from: "a", flags: ACK, seq: 4, ack: 5},
			pk{ms: 120000, from: "b", flags: ACK, seq: 4, ack: 4, data: "x"},
			pk{ms: 120001, from: "a", flags: ACK, seq: 4, ack: 5},
		), helloLines + `a4 0+4 ack 0 PING
			b5 0+5 ack 4 +PONG
			b6 5+0 ack 4 probe
			a7 4+0 ack 5
			b8 5+0 ack 4 repeated 1 probe
			a9 4+0 ack 5
			CAPTURE`},
		{"zero window, probed and opened", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "PING"},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, ack: 4},
			pk{ms: 300, from: "a", flags: ACK, seq: 3},
			pk{ms: 301, from: "b", flags: ACK, seq: 0, ack: 4},
		), helloLines + "a4 0+4 ack 0 PING\nb5 0+0 ack 4\na6 4+0 ack 0 probe\nb7 0+0 ack 4\nCAPTURE"},
		{"the capture begins with a keep-alive: no byte is missing", []pk{
			{ms: 0, from: "b", flags: ACK, seq: 99, ack: 50},
			{ms: 1, from: "a", flags: ACK, seq: 50, ack: 100},
			{ms: 5000, from: "a", flags: ACK, seq: 50, ack: 100, data: "PING"},
			{ms: 5001, from: "b", flags: ACK, seq: 100, ack: 54, data: "+PONG"},
		}, `a1 0+0 ack 0
			b2 0+0 ack 1
			b3 0+4 ack 1 PING
			a4 1+5 ack 4 +PONG
			CAPTURE`},
		{"SPAN copies are dropped, also of SYN and FIN", []pk{
			{ms: 0, from: "a", flags: SYN, seq: -1, id: 7},
			{ms: 0.01, from: "a", flags: SYN, seq: -1, id: 7},
			{ms: 1, from: "b", flags: SYN | ACK, seq: -1, id: 8},
			{ms: 1.01, from: "b", flags: SYN | ACK, seq: -1, id: 8},
			{ms: 2, from: "a", flags: ACK, data: "PING", id: 9},
			{ms: 2.01, from: "a", flags: ACK, data: "PING", id: 9},
			{ms: 5, from: "a", flags: ACK, data: "PING", id: 10},
			{ms: 5.01, from: "a", flags: ACK, data: "PING", id: 10},
			{ms: 500, from: "a", flags: ACK, data: "PING", id: 10},
		}, `a1 0+0 syn
			b3 0+0 ack 0 syn
			a5 0+4 ack 0 PING
			a7 4+0 ack 0 repeated 4
			a9 4+0 ack 0 repeated 4
			CAPTURE`},
		{"snapshot length: the place is kept", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "abcdefgh", snap: 4},
			pk{ms: 4, from: "a", flags: ACK, seq: 8, data: "ijkl", snap: 1},
			pk{ms: 5, from: "a", flags: ACK, seq: 12, data: "mn"},
		), helloLines + "a4 0+8 ack 0 abc\na5 8+4 ack 0\na6 12+2 ack 0 mn\nCAPTURE"},
		{"the file has the handshake behind the data", []pk{
			{ms: 3, from: "b", flags: ACK, seq: 0, ack: 4, data: "+PONG"},
			{ms: 2, from: "a", flags: ACK, seq: 0, ack: 0, data: "PING"},
			{ms: 1, from: "b", flags: SYN | ACK, seq: -1, ack: 0},
			{ms: 0, from: "a", flags: SYN, seq: -1},
			{ms: 10, from: "a", flags: ACK, seq: 4, ack: 5, data: "QUIT"},
		}, `a2 0+4 ack 0 PING
			b1 0+5 ack 4 +PONG
			b3 5+0 ack 0 syn
			a4 4+0 syn
			a5 4+4 ack 5 QUIT
			CAPTURE`},
		{"a mid-stream start out of order", []pk{
			{ms: 3, from: "a", flags: ACK, seq: 7, ack: 5, data: "ghi"},
			{ms: 2, from: "b", flags: ACK, seq: 0, ack: 7, data: "+PONG"},
			{ms: 1, from: "a", flags: ACK, seq: 4, ack: 0, data: "def"},
		}, `a3 -3+3 ack -5 def
			b2 -5+5 ack 0 +PONG
			a1 0+3 ack 0 ghi
			CAPTURE`},
		{"only the SYN-ACK was captured", []pk{
			{ms: 1, from: "b", flags: SYN | ACK, seq: -1, ack: 0},
			{ms: 2, from: "a", flags: ACK, seq: 0, data: "PING"},
		}, "b1 0+0 ack 0 syn\na2 0+4 ack 0 PING\nCAPTURE"},
		{"a RST may carry text, which is not of the stream", hello(
			pk{ms: 3, from: "b", flags: RST, seq: 0, data: "go away"},
		), helloLines + "b4 0+0 rst\nRST"},
		{"a RST with numbers of its own loses no bytes", hello(
			pk{ms: 3, from: "a", flags: RST | ACK, seq: 300 << 20, ack: 500 << 20},
			pk{ms: 4, from: "b", flags: ACK, seq: 0, data: "late"},
		), helloLines + "a4 0+0 rst\nb5 0+4 ack 0 late\nRST"},
		{"a sequence number of no window", hello(
			pk{ms: 3, from: "a", flags: ACK, seq: 0, data: "one"},
			pk{ms: 4, from: "a", flags: ACK, seq: 1 << 31, data: "stray"},
			pk{ms: 5, from: "a", flags: ACK, seq: 3, data: "two"},
		), helloLines + "a4 0+3 ack 0 one\na5 3+0 ack 0\na6 3+3 ack 0 two\nCAPTURE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			packets := build(c.input)
			if diff := cmp.Diff(lines(c.want), show(packets, Options{})); diff != "" {
				t.Error(diff)
			}
			assemble(t, packets, Options{})
		})
	}
}
