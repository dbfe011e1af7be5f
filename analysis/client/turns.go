package client

import "math"

// Turns tells callers that take turns on a connection from callers that happen not to meet. Callers that know nothing of
// one another write at any time: a reply that takes a share of the time between two writes is overtaken with about that
// chance. A library that hands one connection to many callers, and so has somebody to throw a late reply away for, is
// used so; only rarely has it one caller.
type Turns struct {
	Writes   float64 // in turn, on connections that nothing was owed on
	Waits    float64 // what their replies took together, s
	Gaps     float64 // and the time to the next write, s
	Overlaps float64 // writes with a reply outstanding, on connections that nothing was owed on before
}

// See counts a write whose reply came after wait, and that another one followed after gap.
func (t *Turns) See(wait, gap float64) {
	t.Writes++
	t.Waits += wait
	t.Gaps += gap
}

// alone is the share of the clients with a library for many callers on a connection that have one caller all the same: a
// script, a job, a test.
const alone = 0.02

// Many is how likely what was seen is of a client with such a library, against one that takes turns: 1 where they would
// hardly have met.
func (t *Turns) Many() float64 {
	if t.Gaps <= 0 {
		return 1
	}
	expected := t.Writes * t.Waits / t.Gaps
	if expected <= t.Overlaps {
		return 1
	}
	less := expected - t.Overlaps // log of the ratio of two Poisson probabilities
	if t.Overlaps > 0 {
		less += t.Overlaps * math.Log(t.Overlaps/expected)
	}
	return alone + (1-alone)*math.Exp(-less)
}

// Weigh returns how likely the kinds are by how the callers took turns alone, summing to 1.
func (t *Turns) Weigh(prior *[NumKinds]float64) (pi [NumKinds]float64) {
	many, sum := t.Many(), 0.0
	for k, w := range prior {
		if Kind(k).Together() {
			w *= many
		}
		pi[k] = w
		sum += w
	}
	for k := range pi {
		pi[k] /= sum
	}
	return pi
}

// Together reports whether a kind is of a library that hands one connection to many callers.
func (k Kind) Together() bool { return k == Discards || k == Forgets || k == Shares }
