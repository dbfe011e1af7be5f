package traffic

import (
	"math"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
)

// accuracy is the relative error of quantiles.
const accuracy = 0.01

// maxBins bounds the memory of one sketch: enough for a nanosecond to an hour at this accuracy.
const maxBins = 2048

// Latency is a distribution of times. The zero value is empty.
type Latency struct {
	sketch   *ddsketch.DDSketch
	max, sum time.Duration
}

// Add counts one time; a negative one, which clocks of disordered captures make, counts as 0.
func (l *Latency) Add(d time.Duration) {
	if l.sketch == nil {
		s, err := ddsketch.LogCollapsingLowestDenseDDSketch(accuracy, maxBins)
		if err != nil {
			return // only for an accuracy outside (0, 1)
		}
		l.sketch = s
	}
	d = max(d, 0)
	l.max = max(l.max, d)
	l.sum += d
	_ = l.sketch.Add(float64(d)) // refuses only what no Duration can be
}

// Count returns how many times were added.
func (l *Latency) Count() int64 {
	if l.sketch == nil {
		return 0
	}
	return int64(l.sketch.GetCount())
}

// Max returns the longest time, exactly.
func (l *Latency) Max() time.Duration { return l.max }

// Sum returns all times added up, exactly.
func (l *Latency) Sum() time.Duration { return l.sum }

// Quantile returns the time that a share q of all do not exceed, within 1 %; 0 where there is none.
func (l *Latency) Quantile(q float64) time.Duration {
	if l.Count() == 0 {
		return 0
	}
	v, err := l.sketch.GetValueAtQuantile(q)
	if err != nil {
		return 0
	}
	return min(time.Duration(v), l.max)
}

// Comparison is the outcome of a Mann-Whitney U test, two-sided, with correction for ties, by its normal approximation.
// It supposes independent samples, which the commands of one stall are not: read a small P as "look here", not as proof.
type Comparison struct {
	P float64 // probability of a difference at least this large between equal distributions
	// Slower is the probability that a time taken from after exceeds one from before, ties counted half.
	Slower float64
}

// minSamples is the least number of times on both sides for which the normal approximation is valid.
const minSamples = 20

// Compare tests whether after tends to longer or shorter times than before; ok is false with too few of them.
func Compare(before, after *Latency) (c Comparison, ok bool) {
	n1, n2 := float64(before.Count()), float64(after.Count())
	if n1 < minSamples || n2 < minSamples {
		return Comparison{}, false
	}
	type bin struct{ value, before, after float64 }
	bins := map[float64]*bin{}
	at := func(v float64) *bin {
		b := bins[v]
		if b == nil {
			b = &bin{value: v}
			bins[v] = b
		}
		return b
	}
	before.sketch.ForEach(func(v, n float64) bool { at(v).before += n; return false })
	after.sketch.ForEach(func(v, n float64) bool { at(v).after += n; return false })
	sorted := make([]*bin, 0, len(bins))
	for _, b := range bins {
		sorted = append(sorted, b)
	}
	slices.SortFunc(sorted, func(a, b *bin) int {
		switch {
		case a.value < b.value:
			return -1
		case a.value > b.value:
			return 1
		}
		return 0
	})
	// u counts the pairs in which the time from after is the longer one.
	var u, seen, ties float64
	for _, b := range sorted {
		u += b.after * (seen + b.before/2)
		seen += b.before
		t := b.before + b.after
		ties += t*t*t - t
	}
	n := n1 + n2
	variance := n1 * n2 / 12 * (n + 1 - ties/(n*(n-1)))
	c.Slower = u / (n1 * n2)
	if variance <= 0 {
		c.P = 1
		return c, true
	}
	z := math.Max(0, math.Abs(u-n1*n2/2)-0.5) / math.Sqrt(variance)
	c.P = math.Erfc(z / math.Sqrt2)
	return c, true
}
