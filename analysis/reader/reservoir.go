package reader

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/inference"
)

// maxReservoir is how many waits a population remembers for its usual time to a reply, twice: 8 KiB. Four times as many changed
// one belief of 31,000.
const maxReservoir = 1 << 9

// reservoir is an evenly thinned sample.
type reservoir struct {
	x    []float64
	skip int // every skip-th is kept, a power of 2
	n    int
}

func (r *reservoir) add(x float64) {
	if r.n++; r.skip > 1 && r.n&(r.skip-1) != 0 {
		return
	}
	if len(r.x) == maxReservoir {
		for i := range maxReservoir / 2 {
			r.x[i] = r.x[2*i]
		}
		r.x = r.x[:maxReservoir/2]
		r.skip = 2 * max(1, r.skip)
	}
	r.x = append(r.x, x)
}

// leastWaits is how many waits must be known before any is called slow.
const leastWaits = 16

// pace is the usual time to a reply, and how long waits may be to be judged by it alone, s.
type pace struct {
	usual          float64 // 0: not known
	slow           float64 // from here on a caller may have given up unseen
	strong, likely float64 // up to here "its caller read its own reply" is so sure
	next           int     // waits to take it from anew
}

// refresh takes the median of the waits anew when there are a quarter more of them than last time.
func (p *pace) refresh(r *reservoir, buf *[]float64) {
	if len(r.x) < leastWaits || r.n < p.next {
		return
	}
	*buf = append((*buf)[:0], r.x...)
	slices.Sort(*buf)
	p.next = r.n + r.n/4 + 1
	p.set((*buf)[len(*buf)/2])
}

// slowFactor is how many times the usual time a reply is slow from. What is sooner than the shortest timer is not.
const slowFactor = 4

func (p *pace) set(usual float64) {
	p.usual = usual
	p.slow = max(slowFactor*usual, inference.ShortestTimer)
	at := func(least float64) float64 {
		if usual <= 0 {
			return math.Inf(1)
		}
		return usual * math.Pow(max(1, inference.Longest/usual), (1-least)/inference.Hidden)
	}
	p.strong, p.likely = at(thresholds[0].least), at(thresholds[1].least)
}

// word is how sure it is that a caller read its own reply, where nothing speaks against it but that nobody knows how long
// callers wait: see inference.Ignorance.
func (p *pace) word(wait float64, midstream bool) Word {
	switch {
	case wait > p.likely:
		return Possible
	case wait > p.strong || midstream:
		return Likely
	}
	return Strong
}
