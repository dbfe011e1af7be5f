package formats

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Figures are laid out here as numbers; the templates turn them into SVG. Every figure has the same width in its own
// units and scales to the page.

const figureWidth = 760

// ladderFigure is a sequence diagram: client on the left, server on the right, time downwards.
type ladderFigure struct {
	Width, Height int
	Left, Right   int // x of the two lifelines
	Client        string
	Server        string
	Rungs         []rung
}

// rung is one packet of a ladder.
type rung struct {
	Y, TextY, MarkY int
	FromX, ToX      int
	Head            string // points of the arrow head
	Time, Gap       string
	Label, Mark     string
	Frame           int64
}

const (
	ladderLeft  = 150
	ladderRight = 740
	ladderTop   = 44
	ladderStep  = 46
	ladderLabel = 70 // characters that fit between the lifelines
)

func newLadder(e *incident.Example, c report.Clock) *ladderFigure {
	if len(e.Ladder) == 0 {
		return nil
	}
	f := &ladderFigure{
		Width: figureWidth, Height: ladderTop + ladderStep*len(report.ShownSteps(e)) + 16, Left: ladderLeft, Right: ladderRight,
		Client: report.OrDash(report.EndText(e.Client)), Server: report.OrDash(report.EndText(e.Server)),
	}
	var before capture.Time
	for i := range report.ShownSteps(e) {
		s := &e.Ladder[i]
		y := ladderTop + ladderStep*(i+1) - 14
		r := rung{
			Y: y, TextY: y - 6, MarkY: y + 14, FromX: ladderRight, ToX: ladderLeft, Frame: s.Frame,
			Time: c.Short(s.Time, before), Label: report.Shorten(report.Printable(s.What), ladderLabel), Mark: report.Shorten(report.Printable(s.Mark), ladderLabel+8),
			Head: fmt.Sprintf("%d,%d %d,%d %d,%d", ladderLeft, y, ladderLeft+8, y-4, ladderLeft+8, y+4),
		}
		if s.FromClient {
			r.FromX, r.ToX = ladderLeft, ladderRight
			r.Head = fmt.Sprintf("%d,%d %d,%d %d,%d", ladderRight, y, ladderRight-8, y-4, ladderRight-8, y+4)
		}
		if before != 0 {
			r.Gap = "+" + report.BriefGap(s.Time.Sub(before))
		}
		before = s.Time
		f.Rungs = append(f.Rungs, r)
	}
	return f
}

// plotFigure is a chart of steps or bars with axes.
type plotFigure struct {
	Width, Height            int
	Left, Top, Right, Bottom int // the drawing area
	Lines                    []plotLine
	Bars                     []plotBar
	Uprights                 []upright
	XTicks, YTicks           []tick
	Rows                     [][]string // the same numbers as a text table
	Head                     []string
}

type plotLine struct {
	Class, Points, Name string
	KeyX, KeyY, NameX   int
}

type plotBar struct{ X, Y, W, H float64 }

type upright struct {
	X     float64
	Label string
}

type tick struct {
	At   float64
	Text string
}

const (
	plotHeight = 220
	plotLeft   = 52
	plotTop    = 14
	plotRight  = figureWidth - 30
	plotBottom = plotHeight - 34
	plotKey    = 18 // height of a row of the key under the chart
)

func newPlot() *plotFigure {
	return &plotFigure{Width: figureWidth, Height: plotHeight, Left: plotLeft, Top: plotTop, Right: plotRight, Bottom: plotBottom}
}

// round1 keeps one decimal: a tenth of a pixel is enough.
func round1(v float64) float64 { return math.Round(v*10) / 10 }

// scale maps [lo, hi] on [a, b].
func scale(v, lo, hi, a, b float64) float64 {
	if hi <= lo {
		return a
	}
	return round1(a + (b-a)*(v-lo)/(hi-lo))
}

// steps draws a staircase through the points, which are in time order.
func (p *plotFigure) steps(n int, at func(int) (t capture.Time, v int), from, to capture.Time, top int) string {
	var b strings.Builder
	y := 0.0
	for i := range n {
		t, v := at(i)
		x := scale(float64(t-from), 0, float64(to-from), plotLeft, plotRight)
		if i > 0 {
			fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
		}
		y = scale(float64(v), 0, float64(max(top, 1)), plotBottom, plotTop)
		fmt.Fprintf(&b, "%.1f,%.1f ", x, y)
	}
	fmt.Fprintf(&b, "%d,%.1f", plotRight, y)
	return b.String()
}

func (p *plotFigure) line(points, name string) {
	i := len(p.Lines)
	y := plotHeight + plotKey*i
	p.Lines = append(p.Lines, plotLine{Class: fmt.Sprintf("l%d", i%lineStyles), Points: points, Name: name, KeyX: plotLeft, KeyY: y, NameX: plotLeft + 34})
	p.Height = y + plotKey
}

// lineStyles is the number of line classes in the style sheet.
const lineStyles = 8

func (p *plotFigure) axes(from, to capture.Time, top int) {
	span := to.Sub(from)
	for i := range 5 {
		d := span * time.Duration(i) / 4
		p.XTicks = append(p.XTicks, tick{scale(float64(i), 0, 4, plotLeft, plotRight), "+" + report.BriefGap(d)})
	}
	seen := -1
	for i := range 5 {
		v := int(math.Round(float64(top) * float64(i) / 4))
		if v != seen {
			p.YTicks = append(p.YTicks, tick{scale(float64(v), 0, float64(max(top, 1)), plotBottom, plotTop), report.Itoa(int64(v))})
			seen = v
		}
	}
}
