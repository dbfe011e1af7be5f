package reader

import (
	"cmp"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// Habits are what a population was found to do.
type Habits struct {
	Timeouts []Timeout // fixed ones, the clearest first
	GiveUps  float64   // that patience was estimated from
	Slope    float64   // share of them that no fixed timeout explains: cancellations of all lengths
	// Lengths are the 5th, 25th, 50th, 75th and 95th percentile of the waits that ended without a reply and were seen to, s.
	Lengths [5]float64
	Seen    int     // these waits, the latest
	Early   int     // of them, sooner than any fixed timeout
	Timed   int     // … and those that fixed timeouts explain
	Usual   float64 // time to a reply, median, s
	Think   float64 // time from having a reply to the next write, median, s
	Kinds   [client.NumKinds]float64
	Gain    float64 // evidence for unread replies, summed over its connections
	Batches float64 // share of its writes that hold several commands
}

// Cancels reports whether the waits that were seen to end without a reply were ended by no fixed timeout: calls are cancelled
// from above then. Of the waits that a timer ends, most are followed by the next sign of life within the usual time; a third
// leaves room for pools in which a connection lies for longer.
func (h *Habits) Cancels() bool { return h.Seen > 0 && 3*h.Timed < h.Seen }

// Timeout is a fixed time after which callers give up.
type Timeout struct {
	Chance float64 // of giving up there by whoever still waits
	Found  float64 // give-ups that it explains
	// Set is the time that it is set to, s, as its give-ups show: the 5th percentile of the times from the write to the next
	// sign of life of those that it explains. Timers are late and never early.
	Set float64
	// Low and High are the quartiles of these times, s: what the caller does between giving up and that is in them.
	Low, High float64
	From      float64 // waits shorter than this ended by something else, s
}

// lateness is by how much a timer may be late where clocks are coarse: Linux rounds long timers by up to 1/8. Steps of patience
// that are no further apart are one timer.
const lateness = 1.0 / 8

// habits is what the last fit found, or, where there was none, what is known beside it.
func habits(q *population) *Habits {
	if q.habits == nil {
		return q.unjudged()
	}
	return q.habits
}

// unjudged is what is known of a population of which no connection was in doubt.
func (q *population) unjudged() *Habits {
	h := &Habits{Usual: q.pace.usual, Think: q.level.Think().Median(), Kinds: q.kinds(), Batches: q.sizes.Several()}
	if h.Usual == 0 {
		h.Usual = inference.NewGate(slices.Clone(q.allWaits.x), slices.Clone(q.levelWaits.x)).Usual
	}
	return h
}

// kinds are those of the population as far as known.
func (q *population) kinds() [client.NumKinds]float64 {
	if q.habits != nil {
		return q.habits.Kinds
	}
	return q.turns.Weigh(&client.Prior)
}

// summarise describes what a fit found.
func (q *population) summarise(list []*fitted) *Habits {
	f := client.Unread
	if client.TurnsShare(&q.pi) < 0.5 {
		f = client.Dropped
	}
	q.ends = ends(list, f, q.ends)
	p := q.params[f]
	h := &Habits{
		GiveUps: p.Fit.Pop.Events, Usual: q.gate.Usual, Think: p.Think.Median(), Kinds: q.pi, Gain: q.whole, Batches: q.sizes.Several(),
	}
	lengths := slices.Sorted(slices.Values(q.ends))
	h.Seen = len(lengths)
	for i, percent := range [len(h.Lengths)]int{5, 25, 50, 75, 95} {
		h.Lengths[i] = percentile(lengths, percent)
	}
	steps := client.NewPatience(p.Fit.Steps, &p.Fit.Pop, nil).Steps
	explained := 0.0
	for i := range steps {
		explained += steps[i].Seen
	}
	if h.GiveUps > 0 {
		h.Slope = max(0, 1-explained/h.GiveUps)
	}
	h.timers(steps, lengths)
	return h
}

// timers finds those of the timeouts at which waits begin to end, and counts what they explain.
func (h *Habits) timers(steps []client.Step, lengths []float64) {
	h.Timeouts = timeoutsOf(steps, lengths)
	h.Early = len(lengths)
	h.Timeouts = slices.DeleteFunc(h.Timeouts, func(t Timeout) bool {
		n, ok := t.begins(lengths, 2*h.Think)
		if ok {
			h.Timed += n
			early, _ := slices.BinarySearch(lengths, t.From)
			h.Early = min(h.Early, early)
		}
		return !ok
	})
	if h.Cancels() {
		h.Timeouts, h.Early = nil, len(lengths) // the shortest of them is no timer
	}
}

// maxEnds bounds the waits without a reply that are remembered, the latest first.
const maxEnds = 256

// ends returns the times from the write to the next sign of life of the latest give-ups after which no reply came before that
// (of the others it is not seen when they were), followed by those of earlier fits.
func ends(list []*fitted, f client.Family, before []float64) []float64 {
	var x []float64
	for i := len(list) - 1; i >= 0 && len(x) < maxEnds; i-- {
		all, weight := list[i].samples[f].GiveUps, 0.0
		for j := range all { // each hypothesis has its own of the same step
			g := &all[j]
			if j > 0 && g.Step != all[j-1].Step {
				weight = 0
			}
			if g.Hi < g.Gap {
				continue
			}
			if was := weight; was <= 0.5 && was+g.Weight > 0.5 {
				x = append(x, g.Gap)
			}
			weight += g.Weight
		}
	}
	x = append(x, before...)
	return slices.Clip(x[:min(len(x), maxEnds)])
}

// timeoutsOf describes the timers that steps of patience stand for, by the lengths of the waits that each explains.
func timeoutsOf(steps []client.Step, lengths []float64) (all []Timeout) {
	slices.SortFunc(steps, func(a, b client.Step) int { return cmp.Compare(a.T, b.T) })
	for len(steps) > 0 {
		n := 1
		t := Timeout{Chance: steps[0].Chance, Found: steps[0].Seen, From: steps[0].T / (1 + lateness)}
		for ; n < len(steps) && steps[n].T <= steps[n-1].T*(1+lateness); n++ {
			t.Chance = max(t.Chance, steps[n].Chance)
			t.Found += steps[n].Seen
		}
		lo, _ := slices.BinarySearch(lengths, t.From)
		hi, _ := slices.BinarySearch(lengths, steps[n-1].Latest())
		t.Set, t.Low, t.High = steps[0].T, steps[0].T, steps[0].T
		if x := lengths[lo:hi]; len(x) > 0 {
			t.Set, t.Low, t.High = percentile(x, 5), percentile(x, 25), percentile(x, 75)
		}
		all = append(all, t)
		steps = steps[n:]
	}
	slices.SortStableFunc(all, func(a, b Timeout) int { return cmp.Compare(b.Found, a.Found) })
	return all
}

// leastAlike is how many waits must have ended by a timeout: one is no witness for itself.
const leastAlike = 2

// begins counts the waits that ended within turn, or the lateness of a timer, after a timeout: who goes on after a give-up takes
// about as long as after a reply. It reports whether the timeout is where they begin: as long before it less than half as
// many ended. Cancellations of all lengths, which some steps describe too, have no such edge.
func (t *Timeout) begins(lengths []float64, turn float64) (n int, ok bool) {
	const clock = 1.0 / 64 // of the bins in which steps are found
	count := func(from, to float64) int {
		lo, _ := slices.BinarySearch(lengths, from)
		hi, _ := slices.BinarySearch(lengths, to)
		return hi - lo
	}
	edge, width := t.Set*(1-clock), max(turn, t.Set*lateness)
	n = count(edge, edge+width)
	return n, n >= leastAlike && 2*count(edge-width, edge) < n
}

// percentile returns one of sorted values; 0 of none.
func percentile(x []float64, percent int) float64 {
	if len(x) == 0 {
		return 0
	}
	return x[(len(x)-1)*percent/100]
}
