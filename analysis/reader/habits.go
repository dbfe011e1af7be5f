package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// Habits are what a population was found to do.
type Habits struct {
	Timeouts []Timeout // fixed ones, the clearest first
	GiveUps  float64   // that patience was estimated from
	Slope    float64   // share of them that no fixed timeout explains: cancellations of all lengths
	// Lengths are the 5th, 25th, 50th, 75th and 95th percentile of the waits that ended without a reply and were seen to, s.
	Lengths [5]float64
	Seen    int     // these waits
	Usual   float64 // time to a reply, median, s
	Think   float64 // time from having a reply to the next write, median, s
	Kinds   [client.NumKinds]float64
	Gain    float64 // evidence for unread replies, summed over its connections
	Batches float64 // share of its writes that hold several commands
}

// Cancels reports whether most of the give-ups are explained by no fixed timeout: calls are cancelled from above.
func (h *Habits) Cancels() bool { return h.Slope > 0.5 }

// Timeout is a fixed time after which callers give up.
type Timeout struct {
	client.Step // T is the bin that it was found in
	// Set is the time that it is set to, s, as its give-ups show: timers are late and never early. It is the low edge of the
	// shortest interval that holds half of the times from the write to the next sign of life of those that it explains.
	Set float64
	// Low and High are the quartiles of these times, s: what the caller does between giving up and that is in them.
	Low, High float64
}

// habits summarises the last fit, or, where there was none, what is known beside it.
func habits(q *population) *Habits {
	f := client.Unread
	if q.pi[client.Shares]+q.pi[client.Discards]+q.pi[client.Forgets] > 0.5 {
		f = client.Dropped
	}
	if p := q.params[f]; p == nil || p.Fit == nil {
		return q.unjudged()
	}
	if q.habits == nil {
		q.habits = q.summarise(f)
	}
	return q.habits
}

// unjudged is what is known of a population of which no connection was in doubt.
func (q *population) unjudged() *Habits {
	h := &Habits{Usual: q.pace.usual, Think: client.NewParams(&q.level, nil).Think.Median(), Kinds: q.kinds(), Batches: q.sizes.several()}
	if h.Usual == 0 {
		h.Usual = newGate(slices.Clone(q.allWaits.x), slices.Clone(q.levelWaits.x)).usual
	}
	return h
}

// kinds are those of the population as far as known.
func (q *population) kinds() [client.NumKinds]float64 {
	for _, p := range q.params {
		if p != nil && p.Fit != nil {
			return q.pi
		}
	}
	return q.turns.Weigh(&client.Prior)
}

func (q *population) summarise(f client.Family) *Habits {
	p := q.params[f]
	h := &Habits{
		GiveUps: p.Fit.Pop.Events, Usual: q.gate.usual, Think: p.Think.Median(), Kinds: q.pi, Gain: q.whole, Batches: q.sizes.several(),
	}
	lengths := q.lengths(f)
	h.Seen = len(lengths)
	for i, percent := range [len(h.Lengths)]int{5, 25, 50, 75, 95} {
		h.Lengths[i] = percentile(lengths, percent)
	}
	explained := 0.0
	for _, s := range client.NewPatience(p.Fit.Steps, &p.Fit.Pop, nil).Steps {
		explained += s.Seen
		h.Timeouts = append(h.Timeouts, timeoutOf(s, lengths))
	}
	if h.GiveUps > 0 {
		h.Slope = max(0, 1-explained/h.GiveUps)
	}
	return h
}

// lengths returns, in order, the times from the write to the next sign of life of the give-ups after which no reply came
// before that: of the others it is not seen when they were.
func (q *population) lengths(f client.Family) (x []float64) {
	for _, list := range [2][]client.GiveUp{q.lately[f], q.gone[f]} {
		for i := range list {
			if g := &list[i]; g.Weight > 0.5 && g.Hi >= g.Gap {
				x = append(x, g.Gap)
			}
		}
	}
	slices.Sort(x)
	return x
}

// timeoutOf describes a timeout by the lengths of the waits that it explains.
func timeoutOf(s client.Step, lengths []float64) Timeout {
	lo, _ := slices.BinarySearch(lengths, s.Earliest())
	hi, _ := slices.BinarySearch(lengths, s.Latest())
	x := lengths[lo:hi]
	if len(x) == 0 {
		return Timeout{Step: s, Set: s.T, Low: s.T, High: s.T}
	}
	half := len(x)/2 + 1
	set := 0
	for i := 1; i+half <= len(x); i++ {
		if x[i+half-1]-x[i] < x[set+half-1]-x[set] {
			set = i
		}
	}
	return Timeout{Step: s, Set: x[set], Low: percentile(x, 25), High: percentile(x, 75)}
}

// percentile returns one of sorted values; 0 of none.
func percentile(x []float64, percent int) float64 {
	if len(x) == 0 {
		return 0
	}
	return x[(len(x)-1)*percent/100]
}
