package formats

import (
	"fmt"
	"strconv"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// maxTableRows bounds the text table beside a figure.
const maxTableRows = 60

// owedFigure shows one connection's debt: replies outstanding at each command, and owed to callers that had given up.
func owedFigure(s *report.OwedSeries, c report.Clock) *plotFigure {
	if len(s.Points) == 0 {
		return nil
	}
	p := newPlot()
	from, to := capture.Time(s.Points[0].Time), capture.Time(s.Points[len(s.Points)-1].Time)
	top := 1
	for _, x := range s.Points {
		top = max(top, x.Outstanding, x.Owed)
	}
	p.line(p.steps(len(s.Points), func(i int) (capture.Time, int) { return capture.Time(s.Points[i].Time), s.Points[i].Outstanding }, from, to, top),
		"outstanding: commands without a reply when this one was written")
	p.line(p.steps(len(s.Points), func(i int) (capture.Time, int) { return capture.Time(s.Points[i].Time), s.Points[i].Owed }, from, to, top),
		"owed: replies that the client's readers are behind")
	p.axes(from, to, top)
	p.Head = []string{"time", "outstanding", "owed"}
	for i, x := range s.Points {
		if i == maxTableRows {
			p.Rows = append(p.Rows, []string{fmt.Sprintf("and %d more", len(s.Points)-i), "", ""})
			break
		}
		p.Rows = append(p.Rows, []string{c.Short(capture.Time(x.Time), 0), strconv.Itoa(x.Outstanding), strconv.Itoa(x.Owed)})
	}
	return p
}

// openFigure shows the open connections of each client.
func openFigure(series []report.OpenSeries) *plotFigure {
	var from, to capture.Time
	top, n := 1, 0
	for _, s := range series {
		for _, x := range s.Points {
			t := capture.Time(x.Time)
			if n == 0 {
				from, to = t, t
			}
			from, to, top = min(from, t), max(to, t), max(top, x.Open)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	p := newPlot()
	p.Head = []string{"client", "most open", "open at the end"}
	for i := range series {
		s := &series[i]
		most, last := 0, 0
		for _, x := range s.Points {
			most, last = max(most, x.Open), x.Open
		}
		p.line(p.steps(len(s.Points), func(i int) (capture.Time, int) { return capture.Time(s.Points[i].Time), s.Points[i].Open }, from, to, top), report.Printable(s.Client))
		p.Rows = append(p.Rows, []string{report.Printable(s.Client), strconv.Itoa(most), strconv.Itoa(last)})
	}
	p.axes(from, to, top)
	return p
}

// latencyFigure shows how long replies took, on a logarithmic scale, with the client's read timeouts.
func latencyFigure(s *report.LatencySeries) *plotFigure {
	n := min(len(s.BoundsUS), len(s.Counts))
	lo, hi, most := -1, 0, int64(1)
	for i := range n {
		if s.Counts[i] > 0 {
			if lo < 0 {
				lo = i
			}
			hi = i
			most = max(most, s.Counts[i])
		}
	}
	if lo < 0 {
		return nil
	}
	p := newPlot()
	p.Head = []string{"from", "replies"}
	bins := hi - lo + 1
	width := float64(plotRight-plotLeft) / float64(bins)
	for i := lo; i <= hi; i++ {
		x := plotLeft + width*float64(i-lo)
		y := scale(float64(s.Counts[i]), 0, float64(most), plotBottom, plotTop)
		p.Bars = append(p.Bars, plotBar{X: round1(x + 1), Y: y, W: round1(max(width-2, 1)), H: round1(plotBottom - y)})
		label := microText(s.BoundsUS[i])
		if bins <= 12 || (i-lo)%2 == 0 {
			p.XTicks = append(p.XTicks, tick{round1(x + width/2), label})
		}
		p.Rows = append(p.Rows, []string{label, report.Group(s.Counts[i])})
	}
	for _, ms := range s.ReadTimeoutMS {
		us := ms * 1000
		for i := lo; i <= hi; i++ {
			next := us * 2
			if i+1 < n {
				next = float64(s.BoundsUS[i+1])
			}
			if us >= float64(s.BoundsUS[i]) && us < next {
				x := scale(us, float64(s.BoundsUS[i]), next, plotLeft+width*float64(i-lo), plotLeft+width*float64(i-lo+1))
				p.Uprights = append(p.Uprights, upright{x, fmt.Sprintf("T = %s ms", strconv.FormatFloat(ms, 'f', -1, 64))})
			}
		}
		p.Rows = append(p.Rows, []string{"read timeout T", strconv.FormatFloat(ms, 'f', -1, 64) + " ms"})
	}
	for i := range 5 {
		v := most * int64(i) / 4
		if i > 0 && v == most*int64(i-1)/4 {
			continue
		}
		p.YTicks = append(p.YTicks, tick{scale(float64(v), 0, float64(most), plotBottom, plotTop), report.Group(v)})
	}
	return p
}

func microText(us int64) string {
	switch {
	case us < 1e3:
		return fmt.Sprintf("%d us", us)
	case us < 1e6:
		return fmt.Sprintf("%d ms", us/1e3)
	}
	return fmt.Sprintf("%d s", us/1e6)
}
