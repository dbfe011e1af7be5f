package report

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// TestFiguresStayInside lays figures out over odd numbers: nothing may leave the drawing or be no number.
func TestFiguresStayInside(t *testing.T) {
	series := func(values ...int) []OpenSeries {
		s := OpenSeries{Client: "a"}
		for i, v := range values {
			s.Points = append(s.Points, OpenPoint{Stamp(sampleStart.Add(time.Duration(i) * time.Second)), v})
		}
		return []OpenSeries{s, s}
	}
	for name, p := range map[string]*plotFigure{
		"one point":   openFigure(series(3)),
		"zero":        openFigure(series(0, 0)),
		"large":       openFigure(series(0, math.MaxInt32, 1)),
		"latency":     latencyFigure(&LatencySeries{BoundsUS: latencyBounds, Counts: []int64{1, 0, 9, 1e9}, ReadTimeoutMS: []float64{0.021, 300, 1e9}}),
		"one bin":     latencyFigure(&LatencySeries{BoundsUS: []int64{0}, Counts: []int64{1}}),
		"last bin":    latencyFigure(&LatencySeries{BoundsUS: []int64{0, 10}, Counts: []int64{0, 1}, ReadTimeoutMS: []float64{0.015}}),
		"uneven data": latencyFigure(&LatencySeries{BoundsUS: []int64{0, 10, 20}, Counts: []int64{1}}),
		"debt":        owedFigure(&OwedSeries{Points: []OwedPoint{{Stamp(sampleStart), 0, -1}, {Stamp(sampleStart), 5, 3}}}, Clock{}),
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
	if openFigure(nil) != nil || latencyFigure(&LatencySeries{}) != nil || owedFigure(&OwedSeries{}, Clock{}) != nil {
		t.Error("figures of nothing")
	}
}

func TestRecorderIsBounded(t *testing.T) {
	r := NewRecorder()
	var conns []*analysis.ConnSummary
	server := netip.MustParseAddrPort("10.0.0.2:6379")
	for i := range 3000 {
		client := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000)
		at := sampleStart.Add(time.Duration(i) * time.Millisecond)
		for n := range 2 {
			e := &pairing.Exchange{Index: n + 1, Served: true, Owed: n}
			e.Time, e.EndTime = at, at
			e.Serves.FirstTime = at.Add(time.Millisecond)
			r.Exchange(e, int64(i+1), client, server)
		}
		conns = append(conns, &analysis.ConnSummary{ID: int64(i + 1), Client: client, Server: server, First: at, Last: at.Add(time.Second), ReadTimeout: time.Second})
	}
	fs := []incident.Finding{{Examples: []incident.Example{{Conn: 1}, {Conn: 2}, {Conn: 2999}}}}
	s := r.Series(fs, conns)
	if len(s.Owed) != 2 || len(s.Open) != maxFigureLines || len(s.Latency) != maxFigureLines || len(r.owed) != maxOwedConns || len(r.latency) != maxLatency {
		t.Errorf("%d debts, %d lines, %d histograms; kept %d and %d", len(s.Owed), len(s.Open), len(s.Latency), len(r.owed), len(r.latency))
	}
	if l := s.Latency[0]; l.Counts[7] != 2 || fmt.Sprint(l.ReadTimeoutMS) != "[1000]" {
		t.Errorf("%+v", l)
	}
	for _, o := range s.Open {
		most := 0
		for _, p := range o.Points {
			most = max(most, p.Open)
		}
		if most != 1 || o.Points[len(o.Points)-1].Open != 0 {
			t.Errorf("%s: %+v", o.Client, o.Points)
		}
	}
}
