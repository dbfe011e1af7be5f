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
	Usual    float64   // time to a reply, median, s
	Think    float64   // time from having a reply to the next write, median, s
	Kinds    [client.NumKinds]float64
	Gain     float64 // evidence for unread replies, summed over its connections
}

// Timeout is a fixed time after which callers give up.
type Timeout struct {
	client.Step
	// Low and High are the quartiles of the time from the write to the next sign of life of those that it explains, s:
	// what the caller does between giving up and that is in it.
	Low, High float64
}

// habits summarises the last fit.
func habits(q *population) *Habits {
	f := client.Unread
	if q.pi[client.Shares]+q.pi[client.Discards]+q.pi[client.Forgets] > 0.5 {
		f = client.Dropped
	}
	p := q.params[f]
	if p == nil || p.Fit == nil {
		think := client.NewParams(&q.level, nil).Think
		return &Habits{Usual: newGate(slices.Clone(q.allWaits.x), slices.Clone(q.levelWaits.x)).usual, Think: think.Median()}
	}
	h := &Habits{GiveUps: p.Fit.Pop.Events, Usual: q.gate.usual, Think: p.Think.Median(), Kinds: q.pi, Gain: q.whole}
	explained := 0.0
	for _, s := range client.NewPatience(p.Fit.Steps, &p.Fit.Pop, nil).Steps {
		t := Timeout{Step: s}
		t.Low, t.High = quartiles(q, f, s.T)
		h.Timeouts = append(h.Timeouts, t)
		explained += s.Seen
	}
	if h.GiveUps > 0 {
		h.Slope = max(0, 1-explained/h.GiveUps)
	}
	return h
}

// quartiles returns those of the times that give-ups at a fixed timeout took to show.
func quartiles(q *population, f client.Family, t float64) (lo, hi float64) {
	var x []float64
	for _, list := range [2][]client.GiveUp{q.lately[f], q.gone[f]} {
		for i := range list {
			if g := &list[i]; g.Weight > 0.5 && g.Gap >= 0.97*t && g.Gap <= 1.2*t {
				x = append(x, g.Gap)
			}
		}
	}
	if len(x) == 0 {
		return t, t
	}
	slices.Sort(x)
	return x[(len(x)-1)/4], x[(len(x)-1)*3/4]
}
