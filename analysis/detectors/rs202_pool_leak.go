package detectors

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
)

// PoolLeak is RS202: pools that live on a client although nobody uses them, counted by the phases of their timers.
func PoolLeak() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS202", Name: "pool-leak", Severity: incident.High, Since: "0.1.0",
		Summary: "several pools live on one client that carry no data",
		Step:    incident.StepText{One: "1 pool was leaked", Many: "%d pools were leaked"},
		Params: []incident.Param{
			{Name: "cluster_width", Default: "50ms", Meaning: "how far from its rhythm a pool's timer may be; pools made within it count as one"},
			{Name: "min_periods", Default: "3", Meaning: "periods of the timer that each of three pools must span"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			groups := incident.Keep(r.Collector, incident.Texts[poolGrowth]{
				Title: func(f *incident.Finding, g *poolGrowth) string {
					if g.chains > f.Count {
						return fmt.Sprintf("between %d and %d pools live on %s that carry no data", f.Count, g.chains, f.Client)
					}
					return fmt.Sprintf("at least %d pools live on %s that carry no data", f.Count, f.Client)
				},
				Remedy: func(_ *incident.Finding, g *poolGrowth) string {
					step := ""
					if g.step > 0 {
						step = " every " + hundredths(g.step)
					}
					return "A new pool is created" + step + " and never closed. Each keeps its evictor thread and min-idle connections for ever. " +
						"Create one pool per server and call close() or destroy() on any other; for a liveness probe open a single plain " +
						"connection. Set minIdle to 0 for probes."
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, l := range run.Links() {
					p := l.Pools()
					n := leakedPools(p, r.Number("min_periods"))
					if n == 0 {
						continue
					}
					g := groups.Add(poolLeak(run, l, p, n))
					g.chains = p.Chains
					g.step, _ = growth(p)
				}
			}}
		},
	}
}

// poolGrowth is what the texts report of one client's pools.
type poolGrowth struct {
	chains int           // at most so many pools
	step   time.Duration // from one pool to the next; 0: not steady
}

// poolLeak makes the occurrence of one client's leaked pools.
func poolLeak(run *analysis.Run, l *pools.Link, p *pools.Pools, n int) incident.Occurrence {
	o := incident.Occurrence{
		Client: netipPort(l), Server: l.Server, Severity: incident.High, Confidence: pairing.Likely, Count: n, Standing: true,
	}
	longest := 0
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if c.Data || !c.Live || c.Ticks < 2 {
			continue
		}
		if o.Time == 0 || c.Born < o.Time {
			o.Time = c.Born
		}
		o.Last = max(o.Last, c.Last)
		longest = max(longest, c.Periods(p.Period))
	}
	// Four periods make the rhythm sure; connections that are replaced show a pool's evictor and no mere keep-alive.
	if longest >= minPoolPeriods+1 && p.Replaced > 0 {
		o.Confidence = pairing.Strong
	}
	if p.Replaced == 0 {
		o.Notes = append(o.Notes, "no connection was closed and replaced: a keep-alive of each connection of one pool would look the same")
	}
	if l.Unused > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("%s never used", was(l.Unused, "open connection")))
	}
	if d, steps := growth(p); d > 0 {
		o.Notes = append(o.Notes, fmt.Sprintf("growth: a further pool every %s (steps %s)", hundredths(d), steps))
	} else {
		o.Notes = append(o.Notes, "growth: the first signs of the pools lie apart by "+steps)
	}
	o.Evidence = func() incident.Example { return poolTable(run, l, p, n) }
	return o
}

// poolTable lists the pools by their phases.
func poolTable(run *analysis.Run, l *pools.Link, p *pools.Pools, n int) incident.Example {
	e := incident.Example{Client: netipPort(l), Server: l.Server, File: run.File(0), Time: p.Clusters[0].Born}
	upper := max(p.Chains, n)
	e.Facts = append(e.Facts,
		fmt.Sprintf("timers tick every %s at %d different phases: at least %d pools; their connections form %d chains: at most %d with one idle connection each",
			every(p.Period), n, n, p.Chains, upper))
	var phases []string
	start := run.Summary().First
	rows := 0
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if !c.Live || c.Ticks < 2 {
			continue
		}
		phases = append(phases, fmt.Sprintf("%.2f", c.Phase.Seconds()))
		if rows++; rows <= maxPhaseRows {
			row := fmt.Sprintf("phase %s: first seen %s into the capture, %s over %s from frame %d on", hundredths(c.Phase),
				hundredths(c.Born.Sub(start)), incident.Counted(c.Ticks, "tick", "ticks"), incident.Counted(c.Periods(p.Period), "period", "periods"), c.FirstFrame)
			if c.Data {
				row += ", in use"
			}
			e.Facts = append(e.Facts, row)
			e.Frames = append(e.Frames, c.FirstFrame)
		}
	}
	e.Facts = append(e.Facts[:1], append([]string{fmt.Sprintf("phases: %s mod %s", strings.Join(phases, ", "), every(p.Period))}, e.Facts[1:]...)...)
	return e
}

// maxPhaseRows is how many pools are listed one by one.
const maxPhaseRows = 24

// growth returns the time from one pool's first sign of life to the next one's if that is steady, else 0, and the single
// steps in words.
func growth(p *pools.Pools) (step time.Duration, steps string) {
	var all []time.Duration
	var last *pools.Cluster
	for i := range p.Clusters {
		c := &p.Clusters[i]
		if c.Data || !c.Live || c.Ticks < 2 {
			continue
		}
		if last != nil {
			all = append(all, c.Born.Sub(last.Born))
		}
		last = c
	}
	var words []string
	for _, d := range all[:min(len(all), maxSteps)] {
		words = append(words, hundredths(d))
	}
	if len(all) > maxSteps {
		words = append(words, "...")
	}
	steps = strings.Join(words, ", ")
	slices.Sort(all)
	if n := len(all); n >= 2 && all[n-1]-all[0] <= all[n/2]/4 {
		step = all[n/2]
	}
	return step, steps
}

// maxSteps is how many steps of growth are listed.
const maxSteps = 8
