package pools

import (
	"cmp"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Probing returns the failed attempts to connect that follow the rhythm of a pool's timer: those at the phase of a
// cluster of ticks, or else those that repeat among themselves with one period. The period is 0 where there is none.
func (l *Link) Probing() (probes []FailedOpen, period time.Duration) {
	width := l.registry.width
	if p := l.Pools(); p.Period > 0 {
		for _, o := range l.Failed {
			if c := p.at(o.SYN.Time, width); c != nil && c.Periods(p.Period) >= minPeriods {
				probes = append(probes, o)
			}
		}
		if len(probes) >= 2 {
			return probes, p.Period
		}
	}
	return repeating(l.Failed, width)
}

// minPeriods is how often a timer must have been seen before its rhythm is believed.
const minPeriods = 3

// repeating looks for the shortest period with which failed attempts follow one another: nine of ten must have a
// successor one period later, over at least three periods.
func repeating(failed []FailedOpen, width time.Duration) ([]FailedOpen, time.Duration) {
	if len(failed) <= minPeriods {
		return nil, 0
	}
	f := slices.Clone(failed)
	slices.SortFunc(f, func(a, b FailedOpen) int { return cmp.Compare(a.SYN.Time, b.SYN.Time) })
	last := f[len(f)-1].SYN.Time
	for _, second := range f[1:] {
		period := second.SYN.Time.Sub(f[0].SYN.Time)
		if period < time.Second || last.Sub(f[0].SYN.Time)+width < minPeriods*period {
			continue
		}
		if follows(f, period, width) {
			return f, period
		}
	}
	return nil, 0
}

// follows reports whether nine of ten attempts, in order of time, have a successor one period later.
func follows(f []FailedOpen, period, width time.Duration) bool {
	last := f[len(f)-1].SYN.Time
	due, missed := 0, 0
	for i := range f {
		next := f[i].SYN.Time.Add(period)
		if next > last.Add(width) {
			break
		}
		due++
		j, _ := slices.BinarySearchFunc(f, next.Add(-width), func(o FailedOpen, t capture.Time) int { return cmp.Compare(o.SYN.Time, t) })
		if j == len(f) || f[j].SYN.Time > next.Add(width) {
			if missed++; missed*10 > len(f) {
				return false
			}
		}
	}
	return missed*10 <= due
}
