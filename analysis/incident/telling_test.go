package incident

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// TestTelling: when a live run tells of a finding, and what is new of it.
func TestTelling(t *testing.T) {
	at := func(s float64) capture.Time { return capture.Time(1e18 + s*1e9) }
	for name, c := range map[string]struct {
		do   func(reg *Register, add func(conn int64, s float64, n int), stand func(conn int64, s float64, n int, open, goesOn bool), tick func(s float64))
		want []string
	}{
		"events": {
			func(_ *Register, add func(int64, float64, int), _ func(int64, float64, int, bool, bool), tick func(float64)) {
				add(0, 0, 1)
				add(0, 1, 1)     // twice as many
				add(0, 2, 1)     // not yet
				add(0, 3, 1)     // twice as many again
				tick(300)        // 297 s after the last one
				tick(303)        // five minutes
				tick(400)        // nothing further
				add(0, 1000, 1)  // after 997 s
				add(0, 1001, 1)  // not yet
				tick(1002)       //
				add(0, 1400, 20) // after 399 s, without having been looked at meanwhile
			},
			[]string{"0 new", "1 more", "3 more", "303 over quiet 300 s", "1000 again quiet 997 s", "1400 again quiet 399 s"},
		},
		"further connections": {
			func(_ *Register, add func(int64, float64, int), _ func(int64, float64, int, bool, bool), tick func(float64)) {
				for i := range 4 {
					add(int64(i+1), 0, 1) // new, 2, 4 connections
				}
				add(5, 1, 1) // held back
				tick(30)
				add(6, 40, 1)
				tick(61) // a minute after the last telling
			},
			[]string{"0 new +1", "0 more +1", "0 more +2", "61 more +2"},
		},
		"recovered": {
			func(_ *Register, _ func(int64, float64, int), stand func(int64, float64, int, bool, bool), tick func(float64)) {
				stand(1, 0, 10, true, true)
				stand(2, 0, 10, true, true)
				stand(1, 1, 11, true, true)
				tick(1000) // nothing happens, but the next caller would suffer
				stand(1, 1001, 11, false, false)
				tick(1002)
				stand(2, 1003, 10, true, false) // its callers have caught up
				stand(3, 1004, 5, true, true)   // at once: it was just told to be over
				tick(1010)
				tick(1063)
				stand(3, 1070, 5, false, false)
			},
			[]string{"0 new +1", "0 more +1", "1003 over closed 1 caught up 1", "1063 again quiet 60 s +1", "1070 over closed 1"},
		},
		"too weak": {
			func(reg *Register, _ func(int64, float64, int), _ func(int64, float64, int, bool, bool), tick func(float64)) {
				c := reg.collectors[0]
				c.Add(Occurrence{Time: at(0), Confidence: pairing.Possible})
				tick(1)
				c.Add(Occurrence{Time: at(2), Confidence: pairing.Likely})
				tick(2)
				c.Add(Occurrence{Time: at(3), Confidence: pairing.Proven})
				tick(3)
			},
			[]string{"2 new", "3 worse"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reg := NewRegister(RegisterOptions{MaxExamples: 2, Live: true})
			col := reg.Begin(Rule{ID: "RS101"})
			var got []string
			tell := func(f Finding) bool {
				e := f.Early
				line := fmt.Sprintf("%.0f %s", float64(e.At-at(0))/1e9, e.News)
				if e.News >= NewsAgain && e.Closed+e.CaughtUp == 0 {
					line += fmt.Sprintf(" quiet %.0f s", e.Quiet.Seconds())
				}
				if e.Closed > 0 {
					line += fmt.Sprintf(" closed %d", e.Closed)
				}
				if e.CaughtUp > 0 {
					line += fmt.Sprintf(" caught up %d", e.CaughtUp)
				}
				if e.Conns > 0 {
					line += fmt.Sprintf(" +%d", e.Conns)
				}
				got = append(got, line)
				return true
			}
			o := func(conn int64, s float64, n int) Occurrence {
				return Occurrence{Conn: conn, Time: at(s), Count: n, Severity: High, Confidence: pairing.Strong}
			}
			c.do(reg, func(conn int64, s float64, n int) {
				col.Add(o(conn, s, n))
				reg.Early(at(s), tell)
			}, func(conn int64, s float64, n int, open, goesOn bool) {
				reg.Report(conn, open, goesOn, func() { col.Add(o(conn, s, n)) })
				reg.Early(at(s), tell)
			}, func(s float64) { reg.Tick(at(s), tell) })
			if !slices.Equal(got, c.want) {
				t.Errorf("told of %q, want %q", got, c.want)
			}
		})
	}
}

// TestCountsNeverFall: what is counted of findings grows with each occurrence, also where a report of an open connection
// replaces the one before by less.
func TestCountsNeverFall(t *testing.T) {
	reg := NewRegister(RegisterOptions{MaxExamples: 2, Live: true})
	c := reg.Begin(Rule{ID: "RS103"})
	all := func(Finding) bool { return true }
	for i, x := range []struct{ reported, want int }{{3, 3}, {5, 5}, {4, 5}, {9, 9}} {
		reg.Report(7, true, true, func() {
			c.Add(Occurrence{Conn: 7, Time: capture.Time(i + 1), Count: x.reported, Confidence: pairing.Strong})
		})
		reg.Early(capture.Time(i+1), all)
		if n := reg.Counts(); len(n) != 1 || n[0] != (RuleCount{"RS103", 1, int64(x.want)}) {
			t.Errorf("after a report of %d: %+v, want %d", x.reported, n, x.want)
		}
	}
}

// TestOpenIncidents: incidents are open while one of their findings goes on.
func TestOpenIncidents(t *testing.T) {
	reg := NewRegister(RegisterOptions{MaxExamples: 2, Live: true})
	c := reg.Begin(Rule{ID: "RS103", Summary: "x"})
	all := func(Finding) bool { return true }
	report := func(conn int64, server string, open bool) {
		reg.Report(conn, open, open, func() {
			o := by(1, "", conn, 1, redisA, 3)
			c.Add(o)
		})
		reg.Early(capture.Time(time.Minute), all)
	}
	turned := reg.Turned()
	if report(1, "", true); reg.OpenIncidents() != 1 || reg.Turned() == turned {
		t.Errorf("%d open incidents, want 1", reg.OpenIncidents())
	}
	if report(1, "", false); reg.OpenIncidents() != 0 {
		t.Errorf("%d open incidents at the end, want none", reg.OpenIncidents())
	}
}
