package client

import (
	"slices"
	"time"
)

// minTimeoutSamples is how many waits must have ended at the same length before that length is a read timeout.
const minTimeoutSamples = 3

// Timeout is a read timeout that a population has shown: waits without a reply that ended after the same time.
type Timeout struct {
	T             time.Duration // 5th percentile of the cluster: timers are late, never early
	P50, P75, P95 time.Duration
	N             int
	Default       string // the library default that it equals, if any
	FromDefault   bool   // too few samples: believed only because it equals a default
	Given         bool   // the user said so
	Reused        bool   // from waits that ended with the next command: the timer may fire sooner, by the pool\'s turnaround
}

// Timeouts is what is known of how long a population waits.
type Timeouts struct {
	Values            []Timeout     // the most frequent first
	Cancelled         bool          // waits end after all kinds of times: calls are cancelled from above
	N                 int           // samples in all
	Parted            int           // of these, how many ended with QUIT or a close
	P5, P50, P75, P95 time.Duration // of all samples
}

func (t *Timeouts) fixed() bool { return len(t.Values) > 0 && !t.Values[0].FromDefault }

// defaults are the read timeouts that libraries come with.
var defaults = []struct {
	t    time.Duration
	name string
}{
	{500 * time.Millisecond, "redis-rs async"},
	{time.Second, "redis-rb 5"},
	{2 * time.Second, "Jedis"},
	{3 * time.Second, "go-redis v8/v9"},
	{5 * time.Second, "redis-rb 4, StackExchange.Redis, recent redis-py, node-redis and go-redis"},
	{60 * time.Second, "Lettuce and PHP"},
}

func defaultNamed(t time.Duration) string {
	for _, d := range defaults {
		if over := t - d.t; over >= 0 && over <= max(20*time.Millisecond, d.t/100) {
			return d.name
		}
	}
	return ""
}

// estimate infers the read timeouts of a population from its samples: the densest window of width max(2 ms, 1 %) that
// holds at least three of them and the better part of what is there; then the same among the rest, for a second
// population behind the same address. Samples without such a window mean cancellation.
func (p *Population) Estimate() *Timeouts {
	if p.estimated == p.sampled || p.estimated >= maxSamples && p.sampled-p.estimated < maxSamples/16 {
		return &p.timeouts // sorting all for each further sample would cost more than it tells
	}
	p.estimated = p.sampled
	all := make([]time.Duration, 0, len(p.Samples))
	var parted []time.Duration
	for _, x := range p.Samples {
		all = append(all, x.gap)
		if x.how != GaveUpReuse {
			parted = append(parted, x.gap)
		}
	}
	slices.Sort(all)
	slices.Sort(parted)
	t := &p.timeouts
	*t = Timeouts{N: len(all), Parted: len(parted), P5: percentile(all, 5), P50: percentile(all, 50), P75: percentile(all, 75), P95: percentile(all, 95)}
	// Who says goodbye or closes does so when the timer fires. The next command comes later, by the way of the
	// connection through its pool: it only counts where there is nothing better.
	if t.cluster(parted, false, p.parameters); len(t.Values) == 0 {
		t.cluster(all, true, p.parameters)
	}
	t.Cancelled = len(t.Values) == 0 && len(all) >= 5
	return t
}

// cluster finds the read timeouts in sorted waits. reused says that they may have ended with the next command.
func (t *Timeouts) cluster(gaps []time.Duration, reused bool, k *Parameters) {
	rest := gaps
	for len(t.Values) < maxTimeouts {
		lo, hi := densest(rest, narrowWindow)
		if hi-lo < k.TimeoutSamples || (hi-lo)*clusterShare < len(rest)*2 {
			// Kernels with a coarse clock fire socket timers up to a tick of 10 ms late: then nearly all samples must agree.
			if lo, hi = densest(rest, coarseWindow); hi-lo < max(coarseSamples, k.TimeoutSamples) || (hi-lo)*5 < len(rest)*4 || len(t.Values) > 0 {
				break
			}
		}
		// Timers are late, never early: what came sooner was something else.
		if lo*earlyShare > len(rest) && len(t.Values) == 0 && lo >= k.TimeoutSamples {
			if l, h := densest(rest[:lo], narrowWindow); (h-l)*clusterShare < lo*2 {
				break
			}
		}
		v := Timeout{T: percentile(rest[lo:hi], 5), Reused: reused}
		if reused {
			v.T = rest[lo]
		}
		for hi < len(rest) && rest[hi] <= v.T+k.SlackOf(v.T) {
			hi++ // the same timer, fired late
		}
		c := rest[lo:hi]
		v.P50, v.P75, v.P95, v.N = percentile(c, 50), percentile(c, 75), percentile(c, 95), len(c)
		v.Default = defaultNamed(v.T)
		if len(t.Values) > 0 && v.T*2 < t.Values[0].T*3 && v.T*3 > t.Values[0].T*2 {
			break // no population of its own: the tail of the first
		}
		t.Values = append(t.Values, v)
		rest = slices.Concat(rest[:lo], rest[hi:])
	}
	if len(t.Values) == 0 && len(gaps) > 0 && len(gaps) < k.TimeoutSamples && reused {
		for _, g := range gaps {
			if name := defaultNamed(g); name != "" {
				t.Values = append(t.Values, Timeout{T: g, P50: g, P75: g, P95: g, N: 1, Default: name, FromDefault: true})
				break
			}
		}
	}
}

const (
	maxTimeouts  = 3
	clusterShare = 5  // a cluster holds at least 2/5 of the samples that are left
	earlyShare   = 10 // at most a tenth of them may be shorter

	narrowWindow  = 2 * time.Millisecond
	coarseWindow  = 12 * time.Millisecond
	coarseSamples = 5
)

// densest returns the bounds of the window of width max(least, 1 %) that holds the most of the sorted gaps.
func densest(gaps []time.Duration, least time.Duration) (lo, hi int) {
	j := 0
	for i := range gaps {
		width := max(least, gaps[i]/100)
		for j < len(gaps) && gaps[j]-gaps[i] <= width {
			j++
		}
		if j-i > hi-lo {
			lo, hi = i, j
		}
	}
	return lo, hi
}

func percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*p/100]
}
