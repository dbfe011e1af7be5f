package resp

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// segmented is a stream in segments as an end sends it: writes of some whole values, cut at the segment size.
type segmented struct {
	stream
	cuts []int
}

func randomSegments(r *rand.Rand, values, size int, add func(*stream)) *segmented {
	s := &segmented{}
	for len(s.values) < values {
		from := s.Len()
		for range 1 + r.IntN(3) {
			add(&s.stream)
		}
		for at := from + size; at < s.Len(); at += size {
			s.cuts = append(s.cuts, at)
		}
		if s.Len() > from {
			s.cuts = append(s.cuts, s.Len())
		}
	}
	return s
}

func (s *segmented) spans() map[span]bool {
	m := map[span]bool{}
	for _, v := range s.values {
		m[v] = true
	}
	return m
}

// TestRequestGap drops every single segment of random streams. Whatever is not Doubtful must be a request of the
// original stream, and a wrong boundary must be rare.
func TestRequestGap(t *testing.T) {
	wrong, resynced, opaque := 0, 0, 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := randomSegments(r, 25, 200+r.IntN(1200), func(s *stream) { randomRequest(r, s) })
		real := s.spans()
		for lost := range s.cuts {
			var d RequestDecoder
			var req Request
			from := 0
			for i, to := range s.cuts {
				if i == lost {
					d.Gap(int64(to - from))
					from = to
					continue
				}
				d.Feed(s.Bytes()[from:to], 0)
				from = to
				for d.Next(&req) != ErrShort {
					if req.Opaque {
						opaque++
					}
					if req.Resynced {
						resynced++
					}
					if !real[span{int(req.Start), int(req.End)}] {
						if !req.Doubtful {
							t.Fatalf("seed %d, segment %d lost: invented %s", seed, lost, req.show())
						}
						wrong++
					}
				}
			}
		}
	}
	t.Logf("%d resynchronised, %d wrong requests, %d opaque", resynced, wrong, opaque)
	if resynced == 0 || opaque == 0 {
		t.Error("nothing was tested")
	}
	if wrong*50 > resynced {
		t.Errorf("%d wrong requests in %d resynchronisations", wrong, resynced)
	}
}

// TestReplyGap does the same for replies, whose elements look like replies themselves.
func TestReplyGap(t *testing.T) {
	wrong, resynced, opaque := 0, 0, 0
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		s := randomSegments(r, 40, 536+r.IntN(920), func(s *stream) {
			switch r.IntN(8) {
			case 0:
				s.value(func() {
					n := 20 + r.IntN(400)
					fmt.Fprintf(s, "*%d\r\n", n)
					for i := range n {
						fmt.Fprintf(s, "$5\r\n%05d\r\n", i)
					}
				})
			case 1:
				s.value(func() {
					n := r.IntN(6000)
					fmt.Fprintf(s, "$%d\r\n%s\r\n", n, strings.Repeat("x", n))
				})
			default:
				s.reply(r)
			}
		})
		real := s.spans()
		for lost := range s.cuts {
			var d ReplyDecoder
			var rep Reply
			from := 0
			for i, to := range s.cuts {
				if i == lost {
					d.Gap(int64(to - from))
					from = to
					continue
				}
				d.Feed(s.Bytes()[from:to], 0)
				from = to
				for {
					err := d.Next(&rep)
					if err == ErrShort {
						break
					}
					if err != nil {
						continue
					}
					if rep.Opaque {
						opaque++
					}
					if rep.Resynced {
						resynced++
					}
					if !real[span{int(rep.Start), int(rep.End)}] {
						if !rep.Doubtful {
							t.Fatalf("seed %d, segment %d lost: invented %s", seed, lost, rep.show())
						}
						if rep.Resynced {
							wrong++
						}
					}
				}
			}
		}
	}
	t.Logf("%d resynchronised, %d of them wrong, %d opaque", resynced, wrong, opaque)
	if resynced == 0 || opaque == 0 {
		t.Error("nothing was tested")
	}
	if wrong*200 > resynced {
		t.Errorf("%d wrong boundaries in %d resynchronisations", wrong, resynced)
	}
}

// TestUnseen cuts every segment to a snapshot length: requests go on exactly while the missing bytes lie in an argument.
func TestUnseen(t *testing.T) {
	var s stream
	for i := range 50 {
		s.request("SET", fmt.Sprintf("key:%d", i), strings.Repeat("v", 500))
	}
	var d RequestDecoder
	var req Request
	got := 0
	for _, v := range s.values {
		all := s.Bytes()[v.start:v.end]
		d.Feed(all[:96], len(all)-96)
		for {
			err := d.Next(&req)
			if err == ErrShort {
				break
			}
			if err != nil || !req.Opaque || req.LostBefore != 0 || req.Resynced || int(req.End-req.Start) != len(all) || req.Last.Len != 500 {
				t.Fatalf("%v %s", err, req.show())
			}
			got++
		}
	}
	if got != len(s.values) {
		t.Errorf("%d requests, want %d", got, len(s.values))
	}
	// The last CRLF alone unseen is exact too, and so is what ends there where bytes of the next request are unseen.
	d = RequestDecoder{}
	d.Feed([]byte("*1\r\n$4\r\nPING"), 2)
	if err := d.Next(&req); err != nil || req.End != 14 {
		t.Errorf("%v %s", err, req.show())
	}
	d = RequestDecoder{}
	d.Feed([]byte("*1\r\n$4\r\nPING"), 3)
	if err := d.Next(&req); err != nil || req.End != 14 || !req.Opaque {
		t.Errorf("%v %s", err, req.show())
	}
	if err := d.Next(&req); err != ErrShort || !d.Lost() {
		t.Errorf("%v %s", err, req.show())
	}
}

// TestUnseenReplies cuts a segment of several replies in the first of them: its length is known, and it is whole; what
// follows up to the end of the segment is lost.
func TestUnseenReplies(t *testing.T) {
	one := "$40\r\n" + strings.Repeat("v", 40) + "\r\n"
	var d ReplyDecoder
	var r Reply
	d.Feed([]byte(one[:20]), 2*len(one)-20)
	if err := d.Next(&r); err != nil || r.Start != 0 || int(r.End) != len(one) || !r.Opaque || r.LostBefore != 0 {
		t.Errorf("first: %v [%d, %d)", err, r.Start, r.End)
	}
	if err := d.Next(&r); err != ErrShort || !d.Lost() {
		t.Errorf("rest: %v", err)
	}
	d.Feed([]byte("+OK\r\n"), 0)
	if err := d.Next(&r); err != nil || int(r.Start) != 2*len(one) || int(r.LostBefore) != len(one) || !r.Resynced {
		t.Errorf("next: %v [%d, %d) behind %d lost", err, r.Start, r.End, r.LostBefore)
	}
	// An array that is cut in its first element has no known end.
	d = ReplyDecoder{}
	d.Feed([]byte("*2\r\n$40\r\nvvv"), 60)
	if err := d.Next(&r); err != ErrShort || !d.Lost() {
		t.Errorf("array: %v", err)
	}
}
