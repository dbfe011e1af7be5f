package reassembly

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// told is what a consumer can rely on of a sequence of segments. It hangs its own state on every connection, as consumers
// do, which must stay there until the End.
func told(t *testing.T, segments iter.Seq2[*Segment, error]) (lines []string) {
	t.Helper()
	for seg, err := range segments {
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		s, c := *seg, *seg.Conn
		if tag, _ := c.Tag.(int64); c.Tag != nil && tag != c.ID {
			t.Fatalf("connection %d has the Tag %v", c.ID, c.Tag)
		}
		seg.Conn.Tag = c.ID
		s.Conn, c.Tag = nil, nil
		usual := s.End == NotEnded && s.Flags&RST == 0 && s.Missing == 0 && len(s.Payload) == s.Length
		if usual {
			c.Last = 0
			for i := range c.Sides {
				c.Sides[i] = SideStats{FirstSeq: c.Sides[i].FirstSeq, Seen: c.Sides[i].Seen}
			}
		}
		lines = append(lines, fmt.Sprintf("%+v of %+v", s, c))
	}
	return lines
}

// interrupted hands out the packets with an error before each that a sieve picks.
func interrupted(packets []capture.Packet, every int) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for i, p := range packets {
			if every > 0 && i%every == every-1 && !yield(capture.Packet{}, fmt.Errorf("before packet %d", i)) {
				return
			}
			if !yield(p, nil) {
				return
			}
		}
	}
}

// Ahead tells what its source tells: talks with all kinds of mishaps, errors between them, real captures.
func TestAheadIsItsSource(t *testing.T) {
	compare := func(name string, packets []capture.Packet, every int, o Options) {
		want := told(t, New(o).Segments(interrupted(packets, every)))
		got := told(t, Ahead(New(o).Segments(interrupted(packets, every))))
		if !slices.Equal(got, want) {
			i := 0
			for i < min(len(got), len(want)) && got[i] == want[i] {
				i++
			}
			t.Fatalf("%s: %d segments of %d, the first that differs is %d:\n%s\n%s", name, len(got), len(want), i, strings.Join(got[i:min(i+1, len(got))], ""),
				strings.Join(want[i:min(i+1, len(want))], ""))
		}
	}
	for seed := range uint64(100) {
		compare(fmt.Sprintf("seed %d", seed), mishaps(seed), int(seed%7), Options{})
	}
	for _, name := range []string{"01a_small.pcap", "04_large.pcap", "seed1_article.pcap", "04_goredis_pipeline.pcap"} {
		packets := readPcap(t, testcap.Path(t, name))
		compare(name, packets, 100, Options{})
		compare(name+" in a small table", packets, 0, Options{MaxConns: 2})
	}
}

// A consumer that stops, at any place, ends the source too.
func TestAheadStops(t *testing.T) {
	c := &Conn{ID: 1}
	for _, after := range []int{0, 1, aheadSegments - 1, aheadSegments, 3 * aheadSegments} {
		ended := false
		source := func(yield func(*Segment, error) bool) {
			defer func() { ended = true }()
			for i := range 10 * aheadSegments {
				if !yield(&Segment{Conn: c, Frame: int64(i), Flags: ACK}, nil) {
					return
				}
			}
		}
		n := 0
		for range Ahead(source) {
			if n++; n > after {
				break
			}
		}
		if !ended || n != after+1 {
			t.Errorf("after %d segments: %d were consumed, source ended %v", after, n, ended)
		}
	}
}

// A panic of the source comes up where its segments are consumed, behind all that came before it.
func TestAheadPanics(t *testing.T) {
	c := &Conn{ID: 1}
	n := 0
	defer func() {
		err, _ := recover().(error)
		if err == nil || !strings.Contains(err.Error(), "broken") || !strings.Contains(err.Error(), "ahead_test.go") {
			t.Errorf("recovered %v, want the panic with its stack", err)
		}
		if n != 700 {
			t.Errorf("%d segments before it, want 700", n)
		}
	}()
	for range Ahead(func(yield func(*Segment, error) bool) {
		for i := range 700 {
			yield(&Segment{Conn: c, Frame: int64(i), Flags: ACK}, nil)
		}
		panic(errors.New("broken"))
	}) {
		n++
	}
}

// Payloads larger than a batch go through whole, and what was handed out before them is not touched.
func TestAheadCarriesLargePayloads(t *testing.T) {
	c := &Conn{ID: 1}
	sizes := []int{10, aheadBytes, aheadBytes + 1, 3, 2 * aheadBytes, aheadBytes - 3, 3, 1}
	var got []int
	for seg := range Ahead(func(yield func(*Segment, error) bool) {
		borrowed := make([]byte, 2*aheadBytes)
		for round := range 10 {
			for i, n := range sizes {
				for k := range borrowed[:n] {
					borrowed[k] = byte(round + i)
				}
				yield(&Segment{Conn: c, Flags: ACK, Payload: borrowed[:n]}, nil)
			}
		}
	}) {
		round, i := len(got)/len(sizes), len(got)%len(sizes)
		got = append(got, len(seg.Payload))
		for _, b := range seg.Payload {
			if b != byte(round+i) {
				t.Fatalf("round %d: payload %d holds %d", round, i, b)
			}
		}
	}
	if len(got) != 10*len(sizes) || !slices.Equal(got[:len(sizes)], sizes) {
		t.Errorf("payloads of %v bytes, want ten times %v", got, sizes)
	}
}
