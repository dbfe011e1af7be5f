package pools

import (
	"cmp"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Pools is what the timers of one link's ticks say about the pools behind them.
type Pools struct {
	Period   time.Duration // of the timers; 0: none was measured
	Clusters []Cluster     // by first sign of life
	Chains   int           // live chains of connections without data, at least two ticks each: pools x minIdle
	Replaced int           // times that a connection without data was closed and replaced

	until                          capture.Time // what was known at this time
	moreClusters, moreInOneCluster int64        // beyond the bounds
}

// Cluster is the ticks that come at the same phase of the period: one pool, or several that were made at once.
type Cluster struct {
	Phase       time.Duration // of its first tick, from the start of the capture, modulo the period
	Born        capture.Time  // first sign of life: its first tick, or an attempt to connect before it
	First, Last capture.Time  // ticks
	FirstFrame  int64
	LastFrame   int64
	Ticks       int
	Chains      int  // different chains of connections
	Data        bool // one of them carries data
	Live        bool // it ticked until the capture ended
	Early       int  // attempts to connect that failed at its phase
	chains      []int
}

// Periods returns how many periods of the timer lie between the cluster's first tick and its last.
func (c *Cluster) Periods(period time.Duration) int {
	return int((c.Last.Sub(c.First) + period/2) / period)
}

const (
	minTimerPeriod = 2 * time.Second // below lie Sentinel and health checks
	clusterWidth   = 50 * time.Millisecond
	minIntervals   = 3 // measured between ticks of one connection, before they make a period
)

// Pools returns what the link's ticks say, seen from the latest packet of the run. It is counted anew only when the run
// has gone on since.
func (l *Link) Pools() *Pools {
	r := l.registry
	start, end := r.span()
	if was := l.pools; was == nil || was.until != end {
		l.pools = countPools(l, r.width, start, end)
		if was == nil {
			was = &Pools{}
		}
		r.limits.clusters.Hits += l.pools.moreClusters - was.moreClusters
		r.limits.clusterChains.Hits += l.pools.moreInOneCluster - was.moreInOneCluster
	}
	return l.pools
}

// countPools counts the pools behind a link.
//
//  1. The period is the median interval between successive ticks of the same connection. It is never guessed by
//     folding: every divisor of the period folds as cleanly, and merges pools.
//  2. Ticks in order of time join the cluster whose latest tick lies a whole number of periods back, to within the
//     width; the comparison with the latest tick follows the drift of the timer, 1 to 2 ms a period.
//  3. Ticks of one chain of connections stay together: a timer with a fixed delay that was held up once keeps its new
//     phase.
//  4. Each cluster is at least one pool. Pools made within the width of one another merge.
func countPools(l *Link, width time.Duration, start, end capture.Time) *Pools {
	p := &Pools{until: end}
	for i := range l.Chains {
		p.Replaced += l.Chains[i].Churns
	}
	if len(l.intervals) < minIntervals {
		return p
	}
	slices.Sort(l.intervals)
	period := l.intervals[(len(l.intervals)-1)/2]
	if period < minTimerPeriod {
		return p
	}
	fits := 0
	for _, d := range l.intervals {
		if _, off := rhythm(d, period); off <= width {
			fits++
		}
	}
	if fits*10 < len(l.intervals)*7 {
		return p // no rhythm
	}
	p.Period = period
	if whole := period.Round(time.Second); (period - whole).Abs() <= max(width/5, whole/500) {
		p.Period = whole
	}
	slices.SortStableFunc(l.Ticks, func(a, b Tick) int { return cmp.Compare(a.Time, b.Time) })
	for i := range l.Ticks {
		p.take(&l.Ticks[i], l, width, start)
	}
	for i := range p.Clusters {
		c := &p.Clusters[i]
		c.Live = end.Sub(c.Last) <= p.Period+p.Period/2
		c.Chains = len(c.chains)
	}
	p.addEarly(l, width)
	slices.SortStableFunc(p.Clusters, func(a, b Cluster) int { return cmp.Compare(a.Born, b.Born) })
	for i := range l.Chains {
		if c := &l.Chains[i]; !c.Data && c.Ticks >= 2 && end.Sub(c.Last) <= p.Period+p.Period/2 {
			p.Chains++
		}
	}
	return p
}

// rhythm returns how many periods d lasts, and by how much it misses that.
func rhythm(d, period time.Duration) (n int64, off time.Duration) {
	n = int64((d + period/2) / period)
	return n, (d - time.Duration(n)*period).Abs()
}

// take puts a tick into its cluster.
func (p *Pools) take(t *Tick, l *Link, width time.Duration, start capture.Time) {
	best := p.clusterOf(t, width)
	if best == nil {
		if len(p.Clusters) >= l.registry.limits.clusters.Limit {
			p.moreClusters++
			return
		}
		p.Clusters = append(p.Clusters, Cluster{
			Phase: t.Time.Sub(start) % p.Period, Born: t.Time, First: t.Time, FirstFrame: t.Frame,
		})
		best = &p.Clusters[len(p.Clusters)-1]
	}
	best.Last, best.LastFrame = t.Time, t.Frame
	best.Ticks++
	best.Data = best.Data || l.Chains[t.Chain].Data
	switch {
	case slices.Contains(best.chains, t.Chain):
	case len(best.chains) < l.registry.limits.clusterChains.Limit:
		best.chains = append(best.chains, t.Chain)
	default:
		p.moreInOneCluster++
	}
}

// clusterOf returns the cluster that a tick belongs to, or nil.
func (p *Pools) clusterOf(t *Tick, width time.Duration) (best *Cluster) {
	bestOff := width + 1
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if slices.Contains(c.chains, t.Chain) {
			return c
		}
		if _, off := rhythm(t.Time.Sub(c.Last), p.Period); off < bestOff {
			best, bestOff = c, off
		}
	}
	return best
}

// addEarly finds the attempts to connect that failed at a cluster's phase before its first tick: the pool was there
// before its server.
func (p *Pools) addEarly(l *Link, width time.Duration) {
	for i := range l.Failed {
		o := &l.Failed[i]
		if c := p.at(o.SYN.Time, width); c != nil {
			c.Early++
			c.Born = min(c.Born, o.SYN.Time)
		}
	}
}

// at returns the cluster to whose rhythm a time belongs, or nil.
func (p *Pools) at(t capture.Time, width time.Duration) *Cluster {
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if _, off := rhythm(c.First.Sub(t).Abs(), p.Period); off <= width {
			return c
		}
	}
	return nil
}
