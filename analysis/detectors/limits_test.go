package detectors_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// TestLimitsOfLatestThings: a rule that looks for something among the latest n counts what it gave up while that could still
// matter, and only that.
func TestLimitsOfLatestThings(t *testing.T) {
	conns := func(n int, option string) string {
		var b strings.Builder
		for c := range n {
			fmt.Fprintf(&b, "conn c%d 10.1.%d.%d:40000 -> 10.2.%d.%d:6379%s\n", c, c>>8, c&255, c>>8, c&255, option)
		}
		return b.String()
	}
	each := func(n int, gap string, text string) string {
		var b strings.Builder
		for c := range n {
			fmt.Fprintf(&b, "+%s %s\n", gap, strings.ReplaceAll(text, "c#", fmt.Sprintf("c%d", c)))
		}
		return b.String()
	}
	// givenUp makes a client give up n blocking commands, no two of them after equally long.
	givenUp := func(n int) string {
		var b strings.Builder
		for c := range n {
			fmt.Fprintf(&b, "conn c%d 10.1.0.1:%d -> 10.2.0.1:6379\n", c, 40000+c)
		}
		for c := range n {
			gap := 0.1 * math.Pow(1.05, float64(c))
			fmt.Fprintf(&b, "+1s c%d > BLPOP q 100\n+%.6fs c%d > FIN\n", c, gap, c)
		}
		return b.String()
	}
	const torn = "c# > MULTI => +OK\n+10us c# > SET k v => +QUEUED\n+10us c# > FIN\n+10us c# < FIN"
	const refused = "c# > GET k => -LOADING Redis is loading the dataset in memory"
	const one = "conn c0 10.1.0.0:40000 -> 10.2.0.0:6379\n"
	const moved = "c0 > GET k => -MOVED 7629 10.9.9.9:6379" // k is in slot 7629
	for _, c := range []struct {
		name  string
		loses bound.Loss
		full  string // reaches it once
		few   string // one less
		slow  string // what does not reach it: more, but too slow to matter, or little
	}{
		{
			"RS111 connections that ended inside MULTI within the replay window", bound.Evidence,
			conns(257, "") + each(257, "20ms", torn), conns(256, "") + each(256, "20ms", torn), conns(257, "") + each(257, "120ms", torn),
		},
		{
			"RS307 refusals outside of failovers", bound.Evidence,
			conns(65, "") + each(65, "20ms", refused), conns(64, "") + each(64, "20ms", refused), conns(65, "") + each(65, "90ms", refused),
		},
		{
			"RS106 redirects within the follow window", bound.Detail,
			one + strings.Repeat("+2ms "+moved+"\n", 513), one + strings.Repeat("+2ms "+moved+"\n", 512), one + strings.Repeat("+4ms "+moved+"\n", 513),
		},
		{"RS116 blocking commands that one client gave up", bound.Evidence, givenUp(65), givenUp(64), givenUp(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			for text, hits := range map[string]int64{c.full: 1, c.few: 0, c.slow: 0} {
				s, err := scenario.Parse("limit", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				run := analysis.NewRun(nil)
				for _, err := range run.Detect(run.Events(reassembly.Segments(s.Packets(), nil)), detectors.All()) {
					if err != nil {
						t.Fatal(err)
					}
				}
				var hit bound.Bound
				for _, b := range run.Bounds().Reached() {
					if b.Name == c.name {
						hit = b
					}
				}
				if hit.Hits != hits || hits > 0 && (hit.Loses != c.loses || hit.Hides == "") {
					t.Errorf("%.80q…: %+v, want %d hits", text, hit, hits)
				}
			}
		})
	}
}
