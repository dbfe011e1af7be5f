package detectors

import (
	"fmt"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
)

// EvictorChurn is RS203: idle connections that a pool's evictor closes and opens anew, for nothing.
func EvictorChurn() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS203", Name: "evictor-churn", Severity: incident.Low, Since: "0.1.0",
		Summary: "idle connections are closed and opened anew at a fixed period, without having been used",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS202"}, Share: incident.SameEnds},
		},
		Step: incident.StepText{
			One:  "idle connections were closed and opened once",
			Many: "idle connections were closed and opened again %d times",
		},
		Params: []incident.Param{
			{Name: "min_times", Default: "3", Meaning: "how often unused connections must have been replaced"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			groups := incident.Keep(r.Collector, incident.Texts[time.Duration]{
				Title: func(f *incident.Finding, idle *time.Duration) string {
					return fmt.Sprintf("idle connections of %s were closed and opened anew %d times, every %s", f.Client, f.Count, every(*idle))
				},
				Remedy: func(_ *incident.Finding, idle *time.Duration) string {
					return fmt.Sprintf("minIdle > 0 with minEvictableIdle of %s or less: lower minIdle to 0, or disable idle eviction (-1) and keep testWhileIdle.",
						every(*idle))
				},
			})
			return analysis.Hooks{Finish: func(run *analysis.Run) {
				for _, l := range run.Links() {
					o, period := churn(run, l, r.Number("min_times"))
					if o.Count > 0 {
						*groups.Add(o) = period
					}
				}
			}}
		},
	}
}

// churnSlack is how far from a multiple of the timer's period a replacement may come.
const churnSlack = 50 * time.Millisecond

// churn counts a link's replacements of unused connections. Their distances in each chain must be multiples of the
// timer's period, or equal among themselves where no period was measured.
func churn(run *analysis.Run, l *pools.Link, least int) (incident.Occurrence, time.Duration) {
	period := l.Pools().Period
	var gaps []time.Duration
	chains, times := 0, 0
	var best *pools.Chain
	for i := range l.Chains {
		c := &l.Chains[i]
		if c.Churns == 0 || !regular(c.ChurnGaps, period) {
			continue
		}
		chains++
		times += c.Churns
		gaps = append(gaps, c.ChurnGaps...)
		if best == nil || c.Churns > best.Churns {
			best = c
		}
	}
	if times < least || len(gaps) == 0 {
		return incident.Occurrence{}, 0
	}
	slices.Sort(gaps)
	gap := gaps[len(gaps)/2]
	if whole := gap.Round(time.Second); (gap - whole).Abs() <= churnSlack {
		gap = whole
	}
	o := incident.Occurrence{
		Client: netipPort(l), Server: l.Server, Severity: incident.Low, Confidence: pairing.Strong, Count: times,
		Time: best.ChurnFirst, Last: best.ChurnLast, Conn: best.Conn,
	}
	o.Evidence = func() incident.Example {
		return incident.Example{
			Client: netipPort(l), Server: l.Server, File: run.File(best.SYN.File), Time: best.ChurnFirst,
			Frames: frames(best.Close.Frame, best.SYN.Frame),
			Facts: []string{
				fmt.Sprintf("%s replaced unused connections %d times, every %s", incident.Counted(chains, "chain of connections", "chains of connections"), times, every(gap)),
				fmt.Sprintf("the latest: closed in frame %d, a new SYN %s later in frame %d; neither carried anything but PING and QUIT",
					best.Close.Frame, ms(best.SYN.Time.Sub(best.Close.Time)), best.SYN.Frame),
			},
		}
	}
	return o, gap
}

func regular(gaps []time.Duration, period time.Duration) bool {
	if period == 0 && len(gaps) > 0 {
		period = gaps[0]
	}
	for _, g := range gaps {
		n := (g + period/2) / period
		if n == 0 || (g-n*period).Abs() > churnSlack*n {
			return false
		}
	}
	return true
}
