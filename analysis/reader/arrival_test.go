package reader

import (
	"math"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Replies that the snapshot length took came with the segments that were seen, and not at the usual time.
func TestLostRepliesCameWithTheirSegments(t *testing.T) {
	x := newCaller(New(Options{}, func(*Verdict) {}), 1)
	for range 20 {
		x.call(ms, 4*ms)
	}
	sent := func(index, ack int64, now capture.Time) {
		x.c.Acked(now, ack)
		x.c.Sent(&Command{Index: int32(index), Flags: Awaited, Time: now, EndTime: now, Start: 20*index - 20, End: 20 * index, Ack: ack})
	}
	zero := x.now
	sent(21, 200, zero)
	sent(22, 200, zero.Add(10*ms))
	x.c.Came(zero.Add(50*ms), 220) // both replies, the second of which is not known
	x.c.Answered(&Reply{Index: 21, Time: zero.Add(50 * ms), Start: 200, End: 210, Type: inference.Bulk})
	sent(23, 220, zero.Add(60*ms))
	x.c.Answered(&Reply{Index: 23, Time: zero.Add(61 * ms), Start: 220, End: 230, Type: inference.Bulk})
	sent(24, 230, zero.Add(70*ms))
	v := newView(x.c, math.Inf(1))
	own := v.own[22-1-x.c.base]
	got := x.c.writes[0].first.Add(time.Duration(v.At[own] * 1e9)).Sub(zero)
	if d := got - 50*ms; d < -time.Microsecond || d > time.Microsecond || v.Guessed[own] {
		t.Errorf("after %v, guessed: %v", got, v.Guessed[own])
	}
	if len(x.c.arrivals) != 1 {
		t.Errorf("%d segments are kept", len(x.c.arrivals))
	}
}

// A reply that is certain makes those directly before it certain, up to the first that is missing.
func TestCertainUpToAMissingReply(t *testing.T) {
	x := newCaller(New(Options{}, func(*Verdict) {}), 1)
	for i := range int64(5) {
		now := x.now.Add(time.Duration(i) * ms)
		x.c.Sent(&Command{Index: int32(i + 1), Flags: Awaited | Unsure, Time: now, EndTime: now, Start: 20 * i, End: 20*i + 20})
	}
	for _, r := range []Reply{
		{Index: 1, Start: 0, End: 10, Unsure: true}, {Index: 3, Start: 20, End: 30, Unsure: true}, {Index: 4, Start: 30, End: 40, Unsure: true},
		{Index: 5, Start: 40, End: 50},
	} {
		r.Time = x.now.Add(10 * ms)
		x.c.Answered(&r)
	}
	for i, want := range []bool{true, true, false, false, false} {
		if got := x.c.commands[i].flags&Unsure != 0; got != want {
			t.Errorf("#%d: %v", i+1, got)
		}
	}
}
