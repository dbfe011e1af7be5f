package evidence

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// cut runs both passes over packets and returns what was cut.
func cut(t *testing.T, packets func() []capture.Packet, raw bool, conns ...int64) []capture.Packet {
	t.Helper()
	seq := func(yield func(capture.Packet, error) bool) {
		for _, p := range packets() {
			if !yield(p, nil) {
				return
			}
		}
	}
	c := New(conns, raw)
	for event, err := range analysis.Events(c.Segments(reassembly.Segments(seq, nil)), &analysis.Options{Ports: []uint16{6379}}) {
		if err != nil {
			t.Fatal(err)
		}
		c.Watch(event)
	}
	var out []capture.Packet
	for _, p := range packets() {
		if got, _, ok := c.Cut(p); ok {
			out = append(out, got)
		}
	}
	return out
}

func TestCutLeavesSecretsOut(t *testing.T) {
	const text = `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
conn c2 10.0.0.1:40002 -> 10.0.0.2:6379
0.000 c1 > AUTH SECRETpass
+1ms c1 < +OK
+1ms c1 > HELLO 3 AUTH user SECRETpass SETNAME app
+1ms c1 < +OK
+1ms c1 > CONFIG SET requirepass SECRETpass
+1ms c1 < +OK
+1ms c1 > CONFIG GET requirepass
+1ms c1 < [ $requirepass $SECRETpass ]
+1ms c1 > GET public
+1ms c1 < $visible
+1ms c2 > GET other
+1ms c2 < $elsewhere
`
	s, err := scenario.Parse("secrets.txt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	damages := map[string]scenario.Damage{
		"as sent":      nil,
		"small pieces": scenario.Resegment(3, 5),
		"repeated":     scenario.SpuriousRetransmit(0.5, 5),
		"VLAN":         scenario.Relink("vlan"),
		"any device":   scenario.Relink("sll2"),
		"IPv6":         scenario.ToIPv6(),
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			packets := func() []capture.Packet {
				list := s.List()
				if damage != nil {
					list = damage(list)
				}
				return list
			}
			for _, raw := range []bool{false, true} {
				out := cut(t, packets, raw, 1)
				var all []byte
				for _, p := range out {
					all = append(all, p.Data...)
				}
				joined := streamText(t, out)
				if leaked := strings.Contains(joined, "SECRET") || bytes.Contains(all, []byte("SECRET")); leaked != raw {
					t.Errorf("raw %v: leaked %v: %q", raw, leaked, joined)
				}
				if !strings.Contains(joined, "public") || !strings.Contains(joined, "visible") || strings.Contains(joined, "elsewhere") {
					t.Errorf("raw %v: not connection 1: %q", raw, joined)
				}
				if !raw && !strings.Contains(joined, "$4\r\nAUTH\r\n$10\r\nxxxxxxxxxx\r\n") {
					t.Errorf("the framing is gone: %q", joined)
				}
			}
		})
	}
}

// TestCutLeavesTornSecretsOut takes packets away: whatever the capture still has of a secret stays out of the cut.
func TestCutLeavesTornSecretsOut(t *testing.T) {
	const text = `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
0.000 c1 > PING => +PONG
0.010 c1 split=10,20,24,28,32,36,40 > AUTH SECRETSECRETSECRETSECRET
+1ms c1 < +OK
+1ms c1 > CONFIG GET requirepass
+1ms c1 split=20,44,52 < [ $requirepass $SECRETSECRETSECRETSECRET ]
+1ms c1 > GET public => $visible
`
	s, err := scenario.Parse("secrets.txt", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := s.List()
	without := func(from, n int) func() []capture.Packet {
		return func() []capture.Packet { return append(slices.Clone(all[:from]), all[min(from+n, len(all)):]...) }
	}
	for from := range all {
		for _, n := range []int{1, 2, 3, len(all)} {
			if from == 0 && n == len(all) {
				continue
			}
			packets := without(from, n)
			for _, p := range cut(t, packets, false, 1) {
				if bytes.Contains(p.Data, []byte("SEC")) || bytes.Contains(p.Data, []byte("RET")) {
					t.Errorf("without %d packets from %d: frame %d holds %q", n, from+1, p.Frame, p.Data[54:])
				}
			}
		}
	}
}

// streamText is what both sides sent, in order.
func streamText(t *testing.T, packets []capture.Packet) string {
	t.Helper()
	seq := func(yield func(capture.Packet, error) bool) {
		for _, p := range packets {
			if !yield(p, nil) {
				return
			}
		}
	}
	var sides [2]strings.Builder
	for s, err := range reassembly.Segments(seq, nil) {
		if err != nil {
			t.Fatal(err)
		}
		sides[s.From].Write(s.Payload)
	}
	return sides[0].String() + sides[1].String()
}

// TestCutIsTheWholeConnection compares with the packets that carry the connection's addresses and ports.
func TestCutIsTheWholeConnection(t *testing.T) {
	path := testcap.Path(t, "01a_small.pcap")
	packets := func() []capture.Packet {
		src, err := capture.Open([]string{path}, capture.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer src.Close()
		var list []capture.Packet
		for p, err := range src.Packets() {
			if err != nil {
				t.Fatal(err)
			}
			p.Data = bytes.Clone(p.Data)
			list = append(list, p)
		}
		return list
	}
	got := cut(t, packets, false, 7)
	var want []int64
	for _, p := range packets() {
		for _, h := range headers(p.Data) {
			if h.from.Port() == 47868 || h.to.Port() == 47868 {
				want = append(want, p.Frame)
			}
		}
	}
	var frames []int64
	for _, p := range got {
		frames = append(frames, p.Frame)
	}
	if len(want) == 0 || fmt.Sprint(frames) != fmt.Sprint(want) {
		t.Errorf("frames %v\nwant   %v", frames, want)
	}
}

func TestScannerKeepsFraming(t *testing.T) {
	for in, want := range map[string]string{
		"*2\r\n$11\r\nrequirepass\r\n$4\r\n$9\r\n\r\n": "*2\r\n$11\r\nxxxxxxxxxxx\r\n$4\r\nxxxx\r\n",
		"+OK secret\r\n":                "+xxxxxxxxx\r\n",
		"%1\r\n$1\r\na\r\n:1234\r\n":    "%1\r\n$1\r\nx\r\n:xxxx\r\n",
		"$-1\r\n+ok\r\n":                "$-1\r\n+xx\r\n",
		"*1\r\n$3 secret\r\nsecret\r\n": "*1\r\n$3xxxxxxx\r\nxxxxxx\r\n",
		"AUTH secret\r\n":               "xxxxxxxxxxx\r\n",
	} {
		for split := range len(in) + 1 {
			var s scanner
			b := []byte(in)
			s.blank(b[:split])
			s.blank(b[split:])
			if string(b) != want {
				t.Errorf("%q split at %d: %q, want %q", in, split, b, want)
			}
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte("\x45\x00\x00\x30\x00\x00\x00\x00\x40\x06\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02\x9c\x41\x18\xeb\x00\x00\x00\x01\x00\x00\x00\x00\x50\x10\x00\x00\x00\x00\x00\x00payload!"))
	f.Fuzz(func(t *testing.T, data []byte) {
		target := &target{client: netip.MustParseAddrPort("10.0.0.1:40001")}
		target.add(fromClient, 1, 10, true)
		target.add(fromServer, 0, 1<<40, false)
		for _, h := range headers(data) {
			if h.payload > h.end || h.end > len(data) {
				t.Fatalf("%+v in %d bytes", h, len(data))
			}
			if out := target.blank(data, h, fromClient); len(out) != len(data) {
				t.Fatal("the length changed")
			}
			target.blank(data, h, fromServer)
		}
	})
}
