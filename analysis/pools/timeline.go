package pools

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// maxTimeline bounds the points of a Timeline.
const maxTimeline = 120

// Timeline is the largest number of open connections in each of at most 120 equal steps of time. Its step doubles
// whenever the points would not do, from one second on.
type Timeline struct {
	Start capture.Time
	Step  time.Duration
	Open  []int32
	last  int32 // open at the end of the last point
}

// add notes that n connections are open from at on.
func (t *Timeline) add(at capture.Time, n int) {
	if t.Step == 0 {
		t.Start, t.Step = at, time.Second
	}
	i := max(int(at.Sub(t.Start)/t.Step), 0)
	for i >= maxTimeline {
		half := (len(t.Open) + 1) / 2
		for j := range half {
			v := t.Open[2*j]
			if 2*j+1 < len(t.Open) {
				v = max(v, t.Open[2*j+1])
			}
			t.Open[j] = v
		}
		t.Open = t.Open[:half]
		t.Step *= 2
		i = int(at.Sub(t.Start) / t.Step)
	}
	for len(t.Open) <= i {
		t.Open = append(t.Open, t.last)
	}
	t.Open[i] = max(t.Open[i], int32(n))
	t.last = int32(n)
}
