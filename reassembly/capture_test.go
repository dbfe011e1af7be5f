package reassembly

import (
	"bytes"
	"iter"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// readPcap reads a capture that the tests trust.
func readPcap(tb testing.TB, path string) []capture.Packet {
	tb.Helper()
	source, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer source.Close()
	var packets []capture.Packet
	for p, err := range source.Packets() {
		if err != nil {
			tb.Fatal(err)
		}
		p.Data = bytes.Clone(p.Data)
		packets = append(packets, p)
	}
	return packets
}

// from hands out packets.
func from(packets []capture.Packet) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for _, p := range packets {
			if !yield(p, nil) {
				return
			}
		}
	}
}

// stream is one connection as put together by a test.
type stream struct {
	Conn  Conn
	Bytes [2][]byte
	End   End
	Lost  [2]int64
	Segs  []Segment // without payload
}

// assembleAny is assemble for input that may be nonsense: bytes are not kept.
func assembleAny(tb testing.TB, packets []capture.Packet, o Options) { run(tb, packets, o, false) }

func assemble(tb testing.TB, packets []capture.Packet, o Options) ([]*stream, Stats) {
	tb.Helper()
	return run(tb, packets, o, true)
}

// run runs packets through an Assembler, checks what Segment promises, and returns the connections in order of
// their ends, with the bytes of both directions; missing and cut bytes are put in as zeros.
func run(tb testing.TB, packets []capture.Packet, o Options, keep bool) ([]*stream, Stats) {
	tb.Helper()
	a := New(o)
	byID := map[int64]*stream{}
	var done []*stream
	place := map[int64]*[2]int64{}
	started := map[int64]*[2]bool{}
	for seg, err := range a.Segments(from(packets)) {
		if err != nil {
			tb.Fatal(err)
		}
		id := seg.Conn.ID
		s := byID[id]
		if s == nil {
			s = &stream{}
			byID[id], place[id], started[id] = s, new([2]int64), new([2]bool)
		}
		if s.End != NotEnded {
			tb.Fatalf("connection %d goes on after its end: %+v", id, seg)
		}
		s.Conn = *seg.Conn
		if seg.End != NotEnded {
			s.End = seg.End
			done = append(done, s)
			continue
		}
		s.Segs = append(s.Segs, *seg)
		s.Segs[len(s.Segs)-1].Payload = nil
		at, begun := &place[id][seg.From], &started[id][seg.From]
		if !*begun {
			*begun, *at = true, seg.Offset-seg.Missing
		}
		fin := int64(0) // a FIN handed out before takes one place
		if seg.Offset == *at+seg.Missing+1 {
			fin = 1
		}
		if seg.Offset != *at+seg.Missing+fin {
			tb.Fatalf("frame %d: offset %d after place %d with %d missing", seg.Frame, seg.Offset, *at, seg.Missing)
		}
		if len(seg.Payload) > seg.Length || seg.Length < 0 || seg.Missing < 0 {
			tb.Fatalf("frame %d: %d bytes of %d, %d missing", seg.Frame, len(seg.Payload), seg.Length, seg.Missing)
		}
		*at = seg.Offset + int64(seg.Length)
		if other := seg.From.Other(); seg.Ack != NoAck && !seg.Late && started[id][other] && seg.Flags&RST == 0 &&
			seg.Ack > place[id][other]+1 {
			tb.Fatalf("frame %d: acknowledges %d, place is %d, %+v", seg.Frame, seg.Ack, place[id][other], seg)
		}
		s.Lost[seg.From] += seg.Missing
		if keep {
			b := append(s.Bytes[seg.From], make([]byte, seg.Missing)...)
			b = append(b, seg.Payload...)
			s.Bytes[seg.From] = append(b, make([]byte, seg.Length-len(seg.Payload))...)
		}
	}
	for id, s := range byID {
		if s.End == NotEnded {
			tb.Fatalf("connection %d has no end", id)
		}
		for side := range s.Lost {
			if s.Lost[side] != s.Conn.Sides[side].Lost {
				tb.Fatalf("connection %d side %d: %d bytes missing, Lost says %d", id, side, s.Lost[side], s.Conn.Sides[side].Lost)
			}
		}
	}
	st := a.Stats()
	if st.Buffered != 0 {
		tb.Fatalf("%d bytes still queued at the end", st.Buffered)
	}
	return done, st
}
