package detectors

import (
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/pools"
)

// Bounds of the evidence for a leaked pool.
const (
	minLivePools   = 3 // clusters of ticks
	minPoolPeriods = 3 // of the timer, that each must span
)

// leakedPools counts the live pools that carry no data; 0 if fewer than three of them span the given number of periods.
func leakedPools(p *pools.Pools, periods int) int {
	live, sure, busy := 0, 0, 0
	for i := range p.Clusters {
		c := &p.Clusters[i]
		switch {
		case c.Ticks < 2 || !c.Live:
		case c.Data:
			busy++
		default:
			live++
			if c.Periods(p.Period) >= periods {
				sure++
			}
		}
	}
	if busy > 1 || sure < minLivePools {
		return 0
	}
	return live
}

func mapsKeys[K comparable, V any](m map[K]V) iter.Seq[K] { return maps.Keys(m) }

// every prints a period in the unit that suits it.
func every(d time.Duration) string {
	if d == d.Round(time.Second) {
		return fmt.Sprintf("%d s", int(d.Seconds()))
	}
	return fmt.Sprintf("%.3f s", d.Seconds())
}

// hundredths prints a duration in seconds with two decimals.
func hundredths(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

// overTime lists the connections of a link over time, in at most maxPoints steps.
func overTime(l *pools.Link) string {
	t := &l.Timeline
	per := (len(t.Open) + maxPoints - 1) / maxPoints
	var list []string
	for i := 0; i < len(t.Open); i += max(per, 1) {
		list = append(list, fmt.Sprint(slices.Max(t.Open[i:min(i+per, len(t.Open))])))
	}
	return fmt.Sprintf("most open connections of %s in each %s from %s on: %s", l.Client, every(t.Step*time.Duration(max(per, 1))), at(t.Start),
		strings.Join(list, " "))
}

// maxPoints is how many steps of time a list shows.
const maxPoints = 24

// netipPort names the client of a link, without a port.
func netipPort(l *pools.Link) netip.AddrPort { return netip.AddrPortFrom(l.Client, 0) }
