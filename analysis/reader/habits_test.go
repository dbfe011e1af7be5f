package reader

import (
	"slices"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

// TestTimersAndCancellations: a timer is where the waits begin to end; steps that describe cancellations of all lengths are none.
func TestTimersAndCancellations(t *testing.T) {
	even := func(from, to float64, n int) (x []float64) {
		for i := range n {
			x = append(x, from+(to-from)*float64(i)/float64(n-1))
		}
		return x
	}
	for _, x := range []struct {
		name    string
		lengths []float64
		steps   []float64
		think   float64
		want    []float64 // timeouts, s
		cancels bool
	}{
		{"closed at once", even(0.3003, 0.3009, 20), []float64{0.296875}, 0.005, []float64{0.3003}, false},
		{"60 ms", even(0.0602, 0.0612, 20), []float64{0.0595}, 0.002, []float64{0.0602}, false},
		{"used again, found late", even(0.0503, 0.075, 20), []float64{0.0562}, 0.015, []float64{0.0503}, false},
		{"two steps of one timer", even(0.2041, 0.23, 20), []float64{0.2031, 0.2148}, 0.012, []float64{0.2041}, false},
		{"two timers", append(even(0.1002, 0.1008, 20), even(0.3002, 0.3009, 10)...), []float64{0.0996, 0.2969}, 0.005, []float64{0.1002, 0.3002}, false},
		{"cancelled", even(0.03, 0.09, 60), []float64{0.034, 0.058, 0.066}, 0.003, nil, true},
		{"cancelled, no steps", even(0.03, 0.09, 60), nil, 0.003, nil, true},
		{"one is no witness", []float64{0.3003}, []float64{0.2969}, 0.005, nil, true},
		{"nobody", nil, nil, 0.005, nil, false},
	} {
		var steps []client.Step
		for i, at := range x.steps {
			steps = append(steps, client.Step{T: at, Chance: 0.5, Seen: float64(10 - i)})
		}
		h := &Habits{Seen: len(x.lengths), Think: x.think}
		h.timers(steps, x.lengths)
		got := []float64{}
		for _, v := range h.Timeouts {
			got = append(got, v.Set)
		}
		if !slices.EqualFunc(got, x.want, func(a, b float64) bool { return a > b-1e-3 && a < b+1e-3 }) || h.Cancels() != x.cancels {
			t.Errorf("%s: timeouts %.4f, cancels %v (%d of %d by timers)", x.name, got, h.Cancels(), h.Timed, h.Seen)
		}
	}
}

// TestEndsAreSumsOfHypotheses: each hypothesis has a give-up of its own; together they are one that was seen.
func TestEndsAreSumsOfHypotheses(t *testing.T) {
	of := func(list ...client.GiveUp) *fitted {
		f := &fitted{}
		f.samples[client.Unread] = &client.Sample{GiveUps: list}
		return f
	}
	list := []*fitted{
		of(client.GiveUp{Weight: 0.4, Hi: 0.3, Gap: 0.3, Step: 1}, client.GiveUp{Weight: 0.4, Hi: 0.3, Gap: 0.3, Step: 1}, client.GiveUp{Weight: 0.2, Hi: 0.3, Gap: 0.3, Step: 1},
			client.GiveUp{Weight: 0.4, Hi: 0.5, Gap: 0.5, Step: 2}),
		of(client.GiveUp{Weight: 1, Hi: 0.2, Gap: 0.4, Step: 1}), // its reply came: when it gave up is not seen
	}
	if x := ends(list, client.Unread, []float64{0.7}); !slices.Equal(x, []float64{0.3, 0.7}) {
		t.Errorf("%v", x)
	}
}
