package inference

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// Gate weighs how soon a caller can have given up. A deadline at which only a share of the calls get their reply is in use
// with about that chance: none that is shorter than every reply takes. So a write with a reply outstanding, sooner than
// replies usually come, is of a second caller, or a second piece of one write; and replies are owed only after something
// that was seen: a write with the reply outstanding, or a reply that came later than usual. Without this, "gave up in
// time, unseen" costs nothing where replies are quick, and any two quick writes of a multiplexer then "prove" a reader
// from memory.
type Gate struct {
	Waits    []float64 // sorted: how long replies took
	Usual    float64   // their median
	Shortest float64   // the shortest give-up that was seen on a level connection, s; +Inf: none was
}

// ShortestTimer is the shortest deadline that a client can set, s: poll, epoll_wait and the options of the libraries count
// milliseconds.
const ShortestTimer = 1e-3

// MaxGateWaits bounds the sample.
const MaxGateWaits = 1 << 10

// NewGate takes the times of all replies, and of those before the first doubt of their connections. Both a server that
// stands still often and a start in trouble widen them: the narrower one counts.
func NewGate(all, level []float64) Gate {
	a, b := sample(all), sample(level)
	if len(a) == 0 || len(b) > 0 && b[len(b)/2] < a[len(a)/2] {
		a = b
	}
	g := Gate{Waits: a, Shortest: math.Inf(1)}
	if len(a) > 0 {
		g.Usual = a[len(a)/2]
	}
	return g
}

// sample sorts waits and thins them out evenly.
func sample(waits []float64) []float64 {
	slices.Sort(waits)
	if len(waits) <= MaxGateWaits {
		return waits
	}
	out := make([]float64, MaxGateWaits)
	for i := range out {
		out[i] = waits[i*(len(waits)-1)/(MaxGateWaits-1)]
	}
	return out
}

// Seen notes the first doubt of a level connection: a write or a close with its reply outstanding, later than every wait
// before it.
func (g *Gate) Seen(v *View) {
	if v.Start != nil {
		return
	}
	if u := v.Clean(nil, math.Inf(1)); u != nil && g.gaveUp(v, u) {
		g.Shortest = min(g.Shortest, u.Gap)
	}
}

func (g *Gate) gaveUp(v *View, u *client.GiveUp) bool {
	waits := 0
	for i := range v.Steps[:u.Step] {
		if st := &v.Steps[i]; st.N > 0 {
			if waits++; st.Wait >= u.Gap {
				return false
			}
		}
	}
	return waits >= leastLevel && g.allows(&v.Steps[u.Step], u.Gap, 0, false) > 0
}

// leastLevel is how many replies a connection must have had in turn before it is known to be level.
const leastLevel = 3

// hides returns the weight of the first give-up on a connection where it left no sign. Where callers give up, some are
// seen to: their replies come later still. So the reply must have come later than a give-up that was seen (the timers of
// two connections agree within a tenth), or the deadline is near the time that replies take anyway, and hides behind them.
func (g *Gate) hides(came float64) float64 {
	if came >= 0.9*g.Shortest || came <= g.Usual {
		return 1
	}
	x := g.Usual / came
	return x * x * x * x
}

// allows returns the weight of a give-up before the reply that would be read next: there says whether that came, and came
// when, before the next sign of life after gap. A close needs no such sign.
func (g *Gate) allows(st *Step, gap, came float64, there bool) float64 {
	if st.What != NextWrite || len(g.Waits) == 0 {
		return 1
	}
	if there {
		gap = came
	}
	gap -= st.Crossed
	if gap < ShortestTimer {
		return 0
	}
	i, n := 0, len(g.Waits)
	if i, _ = slices.BinarySearch(g.Waits, gap); i < n && st.Wait > gap && st.Wait < inf {
		n-- // its own reply is no witness
	}
	if n == 0 {
		return 1
	}
	f := max(0, 2*float64(i)/float64(n)-1) // none that every second call misses
	return f * f
}
