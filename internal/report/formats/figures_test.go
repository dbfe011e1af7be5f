package formats

import (
	"math"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// TestFiguresStayInside lays figures out over odd numbers: nothing may leave the drawing or be no number.
func TestFiguresStayInside(t *testing.T) {
	series := func(values ...int) []report.OpenSeries {
		s := report.OpenSeries{Client: "a"}
		for i, v := range values {
			s.Points = append(s.Points, report.OpenPoint{Time: report.Stamp(sampleStart.Add(time.Duration(i) * time.Second)), Open: v})
		}
		return []report.OpenSeries{s, s}
	}
	for name, p := range map[string]*plotFigure{
		"one point":   openFigure(series(3)),
		"zero":        openFigure(series(0, 0)),
		"large":       openFigure(series(0, math.MaxInt32, 1)),
		"latency":     latencyFigure(&report.LatencySeries{BoundsUS: []int64{0, 10, 20, 50}, Counts: []int64{1, 0, 9, 1e9}, ReadTimeoutMS: []float64{0.021, 300, 1e9}}),
		"one bin":     latencyFigure(&report.LatencySeries{BoundsUS: []int64{0}, Counts: []int64{1}}),
		"last bin":    latencyFigure(&report.LatencySeries{BoundsUS: []int64{0, 10}, Counts: []int64{0, 1}, ReadTimeoutMS: []float64{0.015}}),
		"uneven data": latencyFigure(&report.LatencySeries{BoundsUS: []int64{0, 10, 20}, Counts: []int64{1}}),
		"debt":        owedFigure(&report.OwedSeries{Points: []report.OwedPoint{{Time: report.Stamp(sampleStart), Owed: -1}, {Time: report.Stamp(sampleStart), Outstanding: 5, Owed: 3}}}, report.Clock{}),
	} {
		if p == nil {
			t.Errorf("%s: no figure", name)
			continue
		}
		inside := func(what string, x, y float64) {
			if math.IsNaN(x+y) || x < 0 || x > float64(p.Width) || y < -1 || y > float64(p.Height) {
				t.Errorf("%s: %s at %v, %v in %d x %d", name, what, x, y, p.Width, p.Height)
			}
		}
		for _, l := range p.Lines {
			for _, pair := range regexp.MustCompile(`(\S+),(\S+)`).FindAllStringSubmatch(l.Points, -1) {
				x, errX := strconv.ParseFloat(pair[1], 64)
				y, errY := strconv.ParseFloat(pair[2], 64)
				if errX != nil || errY != nil {
					t.Errorf("%s: %v", name, pair)
				}
				if name != "debt" { // a negative debt is drawn below the axis
					inside("line", x, y)
				}
			}
		}
		for _, b := range p.Bars {
			inside("bar", b.X, b.Y)
			inside("bar's corner", b.X+b.W, b.Y+b.H)
		}
		for _, x := range p.XTicks {
			inside("tick", x.At, 0)
		}
		for _, u := range p.Uprights {
			inside("upright", u.X, 0)
		}
	}
	if openFigure(nil) != nil || latencyFigure(&report.LatencySeries{}) != nil || owedFigure(&report.OwedSeries{}, report.Clock{}) != nil {
		t.Error("figures of nothing")
	}
}
