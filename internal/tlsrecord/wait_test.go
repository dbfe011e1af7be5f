package tlsrecord

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/testtls"
	"github.com/respsniff/respsniff/reassembly"
)

// spoken is a conversation over TLS of a connection c1, and one in the clear, every 100 ms, of c2 meanwhile; and the key log.
func spoken(t *testing.T) (packets []capture.Packet, log string) {
	t.Helper()
	talk, err := testtls.Speak(0, testtls.Exchange{Request: "*1\r\n$4\r\nPING\r\n", Reply: "+PONG\r\n"}, testtls.Exchange{Request: "*1\r\n$4\r\nPING\r\n", Reply: "+PONG\r\n"})
	if err != nil {
		t.Fatal(err)
	}
	text := "conn c1 10.0.0.1:40001 -> 10.0.0.2:6379\nconn c2 10.0.0.1:40002 -> 10.0.0.2:6379\n" +
		"meanwhile {\nrepeat 30 every 100ms { c2 > PING => +PONG }\n}\n" + talk.Scenario("c1") + "+2s c1 > raw \"\\x15\\x03\\x03\\x00\\x03abc\"\n+1ms c1 > FIN\nc1 < FIN\n"
	s, err := scenario.Parse("wait", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range s.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
	return packets, talk.KeyLog
}

// segmentsOf runs the segments of packets through Wait, with the key log written before a packet, and lists them.
func segmentsOf(t *testing.T, packets []capture.Packet, log string, at int, set *bound.Set) (all, tls []string, late time.Duration) {
	t.Helper()
	keys := keylog.New(set)
	feed := func(yield func(capture.Packet, error) bool) {
		for i, p := range packets {
			if i == at {
				keys.Write([]byte(log))
			}
			if !yield(p, nil) {
				return
			}
		}
	}
	var in iter.Seq2[*reassembly.Segment, error] = reassembly.New(reassembly.Options{}).Segments(feed)
	if log != "" {
		in = Wait(keys, set, in)
	}
	last := capture.Time(0)
	for seg, err := range in {
		if err != nil {
			t.Fatal(err)
		}
		late = max(late, last.Sub(seg.Time))
		last = max(last, seg.Time)
		line := fmt.Sprintf("%d: %d %d %d %x end %d", seg.Frame, seg.From, seg.Offset, seg.Ack, seg.Payload, seg.End)
		all = append(all, line)
		if seg.Conn.Ends[0].Port() == 40001 || seg.Conn.Ends[1].Port() == 40001 {
			tls = append(tls, line)
		}
	}
	return all, tls, late
}

func TestConnectionsWaitForTheirSecrets(t *testing.T) {
	packets, log := spoken(t)
	asIs, tlsAsIs, before := segmentsOf(t, packets, "", -1, &bound.Set{})
	hello, end := 0, 0 // packets of the first and last records
	for i, p := range packets {
		if hello == 0 && bytes.Contains(p.Data, []byte("\x16\x03\x01")) {
			hello = i
		}
		if bytes.Contains(p.Data, []byte("\x15\x03\x03\x00\x03abc")) {
			end = i
		}
	}
	for _, c := range []struct {
		name string
		at   int
		late bool
	}{{"before", 0, false}, {"with the ClientHello", hello + 1, false}, {"long after", end, true}, {"never", -1, true}} {
		all, tls, late := segmentsOf(t, packets, log, c.at, &bound.Set{})
		if diff := cmp.Diff(tlsAsIs, tls); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if same := strings.Join(all, "\n") == strings.Join(asIs, "\n"); same == c.late || len(all) != len(asIs) {
			t.Errorf("%s: waited %v, %d segments of %d", c.name, !same, len(all), len(asIs))
		}
		if late > before != c.late || late > 1100*time.Millisecond {
			t.Errorf("%s: segments come up to %v late", c.name, late)
		}
	}
	set := &bound.Set{}
	set.New(bound.Bound{Name: "bytes that wait for secrets of TLS", Limit: 1})
	if all, _, late := segmentsOf(t, packets, log, -1, set); len(all) != len(asIs) || late > before || len(set.Reached()) != 1 {
		t.Errorf("beyond the limit segments come up to %v late, reached %v", late, set.Reached())
	}
}

// TestNothingWaitsBeyondTheEnd: of a connection, of the traffic, or where nobody wants more.
func TestNothingWaitsBeyondTheEnd(t *testing.T) {
	conn := &reassembly.Conn{}
	talk, err := testtls.Speak(0)
	if err != nil {
		t.Fatal(err)
	}
	hello, data := talk.Writes[0].Bytes, []byte{23, 3, 3, 0, 1, 0}
	got := 0
	set := &bound.Set{}
	count := func(seg *reassembly.Segment, err error) bool {
		got++
		return got < 6
	}
	Wait(keylog.New(set), set, func(yield func(*reassembly.Segment, error) bool) {
		for i, c := range []struct {
			seg  reassembly.Segment
			want int
			more bool
		}{
			{reassembly.Segment{Payload: hello}, 1, true},
			{reassembly.Segment{Payload: data}, 1, true},
			{reassembly.Segment{Payload: data}, 1, true},
			{reassembly.Segment{End: reassembly.EndFIN}, 4, true},
			{reassembly.Segment{Payload: hello}, 5, true},
			{reassembly.Segment{Payload: data}, 5, true},
			{reassembly.Segment{Payload: data}, 5, true},
		} {
			c.seg.Conn = conn
			if more := yield(&c.seg, nil); more != c.more || got != c.want {
				t.Errorf("segment %d: %d handed on, want %d, more %v", i, got, c.want, more)
			}
		}
	})(count)
	if got != 6 {
		t.Errorf("%d handed on at the end, want one, as no more are wanted", got)
	}
}
