package reader

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Two writes that changed places on their way into the capture, with the times of these places, stay two writes, and their
// times are no evidence; those of the others are.
func TestCrossedTimesAreNoEvidence(t *testing.T) {
	r := New(Options{}, func(*Verdict) {})
	x := newCaller(r, 1)
	x.c.Belongs(Key{Client: x.c.who.addr})
	for range 3 {
		x.call(ms, 4*ms)
	}
	x.now += capture.Time(10 * ms)
	x.call(ms, 4*ms) // seen where the next one was
	x.now -= capture.Time(15 * ms)
	x.call(ms, 24*ms)
	x.call(ms, 4*ms)
	x.call(ms, 4*ms)
	v := newView(x.c, math.Inf(1))
	var marked []bool
	for i := range v.Steps {
		marked = append(marked, v.Steps[i].Crossed > 0)
	}
	// The last write is held back; that before the two has its think time from one of them.
	if want := []bool{false, false, true, true, true, false}; !slices.Equal(marked, want) {
		t.Errorf("%v, want %v", marked, want)
	}
}

// A write of which only a second copy came through left before the one behind it, whose time is its own.
func TestResentWriteLeftBefore(t *testing.T) {
	x := newCaller(New(Options{}, func(*Verdict) {}), 1)
	for i, at := range []time.Duration{0, 60 * ms, 15 * ms} {
		n := int64(i)
		now := x.now.Add(at)
		flags := Awaited
		if i == 1 {
			flags |= Resent
		}
		x.c.Sent(&Command{Index: int32(i + 1), Flags: flags, Time: now, EndTime: now, Start: 20 * n, End: 20*n + 20, Ack: 0})
	}
	if len(x.c.writes) != 3 {
		t.Fatalf("%d writes", len(x.c.writes))
	}
	if w := x.c.writes[1]; w.last != x.now.Add(15*ms) || w.crossed == 0 {
		t.Errorf("the second copy: %v after the first write, %v", w.last.Sub(x.now), w.crossed)
	}
	if w := x.c.writes[2]; w.crossed != 0 {
		t.Error("the time of the write behind it is doubted")
	}
}

// What is known of when a client had a reply does not depend on which of two acknowledgements stands first in the file.
func TestAcknowledgementsInAnyOrder(t *testing.T) {
	for _, order := range [][]time.Duration{{3 * ms, 5 * ms}, {5 * ms, 3 * ms}} {
		x := newCaller(New(Options{}, func(*Verdict) {}), 1)
		x.c.Sent(&Command{Index: 1, Flags: Awaited, Time: x.now, EndTime: x.now, End: 20})
		x.c.Answered(&Reply{Index: 1, Time: x.now.Add(2 * ms), End: 10, Type: inference.Bulk})
		for _, at := range order {
			x.c.Acked(x.now.Add(at), 10)
		}
		if got := x.c.replies[0].acked.Sub(x.now); got != 3*ms || x.c.farTime != x.now.Add(3*ms) {
			t.Errorf("acknowledged after %v, by %v", got, x.c.farTime.Sub(x.now))
		}
	}
}
