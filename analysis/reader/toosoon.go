package reader

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// gate weighs how soon a caller can have given up. A deadline at which only a share of the calls get their reply is in use
// with about that chance: none that is shorter than every reply takes. So a write with a reply outstanding, sooner than
// replies usually come, is of a second caller, or a second piece of one write; and replies are owed only after something
// that was seen: a write with the reply outstanding, or a reply that came later than usual. Without this, "gave up in
// time, unseen" costs nothing where replies are quick, and any two quick writes of a multiplexer then "prove" a reader
// from memory.
type gate struct {
	waits    []float64 // sorted: how long replies took
	usual    float64   // their median
	shortest float64   // the shortest give-up that was seen on a level connection, s; +Inf: none was
}

// shortestTimer is the shortest deadline that a client can set, s: poll, epoll_wait and the options of the libraries count
// milliseconds.
const shortestTimer = 1e-3

// maxGateWaits bounds the sample.
const maxGateWaits = 1 << 10

// newGate takes the times of all replies, and of those before the first doubt of their connections. Both a server that
// stands still often and a start in trouble widen them: the narrower one counts.
func newGate(all, level []float64) gate {
	a, b := sample(all), sample(level)
	if len(a) == 0 || len(b) > 0 && b[len(b)/2] < a[len(a)/2] {
		a = b
	}
	g := gate{waits: a, shortest: math.Inf(1)}
	if len(a) > 0 {
		g.usual = a[len(a)/2]
	}
	return g
}

// sample sorts waits and thins them out evenly.
func sample(waits []float64) []float64 {
	slices.Sort(waits)
	if len(waits) <= maxGateWaits {
		return waits
	}
	out := make([]float64, maxGateWaits)
	for i := range out {
		out[i] = waits[i*(len(waits)-1)/(maxGateWaits-1)]
	}
	return out
}

// seen notes the first doubt of a level connection: a write or a close with its reply outstanding, later than every wait
// before it.
func (g *gate) seen(v *view) {
	if v.c.start != nil {
		return
	}
	if u := v.clean(nil, math.Inf(1)); u != nil && g.gaveUp(v, u) {
		g.shortest = min(g.shortest, u.Gap)
	}
}

func (g *gate) gaveUp(v *view, u *client.GiveUp) bool {
	waits := 0
	for i := range v.steps[:u.Step] {
		if st := &v.steps[i]; st.n > 0 {
			if waits++; st.wait >= u.Gap {
				return false
			}
		}
	}
	return waits >= leastLevel && g.allows(&v.steps[u.Step], u.Gap, 0, false) > 0
}

// leastLevel is how many replies a connection must have had in turn before it is known to be level.
const leastLevel = 3

// hides returns the weight of the first give-up on a connection where it left no sign. Where callers give up, some are
// seen to: their replies come later still. So the reply must have come later than a give-up that was seen (the timers of
// two connections agree within a tenth), or the deadline is near the time that replies take anyway, and hides behind them.
func (g *gate) hides(came float64) float64 {
	if came >= 0.9*g.shortest || came <= g.usual {
		return 1
	}
	x := g.usual / came
	return x * x * x * x
}

// allows returns the weight of a give-up before the reply that would be read next: there says whether that came, and came
// when, before the next sign of life after gap. A close needs no such sign.
func (g *gate) allows(st *step, gap, came float64, there bool) float64 {
	if st.what != nextWrite || len(g.waits) == 0 {
		return 1
	}
	if there {
		gap = came
	}
	gap -= st.crossed
	if gap < shortestTimer {
		return 0
	}
	i, n := 0, len(g.waits)
	if i, _ = slices.BinarySearch(g.waits, gap); i < n && st.wait > gap && st.wait < inf {
		n-- // its own reply is no witness
	}
	if n == 0 {
		return 1
	}
	f := max(0, 2*float64(i)/float64(n)-1) // none that every second call misses
	return f * f
}
