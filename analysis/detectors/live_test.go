package detectors_test

import (
	"iter"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// foreignRedirects is a caller that gives up, and after it four that read redirects about slots which are not theirs.
const foreignRedirects = `host app   10.0.0.1
host redis 10.0.0.2
policy 10.0.0.1=lockstep
conn w app:40000 -> redis:6379
repeat 210 every 2ms { w > GET warm{i} => $v{i} }
conn c app:41000 -> redis:6379
1.0 c > GET k0
1.3004 c > GET k1
+10ms c < -MOVED 8579 10.0.0.3:6379
+2ms c < -MOVED 12706 10.0.0.3:6379
+20s c > GET k2
+2ms c < -MOVED 449 10.0.0.3:6379
+20s c > GET k3
+2ms c < -MOVED 4576 10.0.0.3:6379
+20s c > GET k4
+2ms c < $v
+20s c > GET k5
+2ms c < $v
`

// ticking assembles packets and tells the run the time as each comes, as a live capture does.
func ticking(run *analysis.Run, packets iter.Seq2[capture.Packet, error]) iter.Seq2[*reassembly.Segment, error] {
	return func(yield func(*reassembly.Segment, error) bool) {
		for seg, err := range reassembly.New(reassembly.Options{}).Segments(packets) {
			if err == nil {
				run.Tick(seg.Time - 1)
			}
			if !yield(seg, err) {
				return
			}
		}
	}
}

// TestLiveCountsEveryOccurrenceOfAReport: the report of an open connection replaces the one before, and all that it
// holds is counted.
func TestLiveCountsEveryOccurrenceOfAReport(t *testing.T) {
	s, err := scenario.Parse("x", []byte(foreignRedirects))
	if err != nil {
		t.Fatal(err)
	}
	found := map[bool]map[string]incident.Finding{true: {}, false: {}}
	early := map[string][]int{} // counts by rule
	for live, last := range found {
		o := optionsOf(t, s)
		o.Live = live
		run := analysis.NewRun(&o)
		for f, err := range run.Detect(run.Events(ticking(run, s.Packets())), detectors.All()) {
			switch {
			case err != nil:
				t.Fatal(err)
			case f.Early != nil:
				early[f.Rule] = append(early[f.Rule], f.Count)
			default:
				last[f.Rule] = f
			}
		}
	}
	if n := found[false]["RS106"].Count; n < 2 {
		t.Fatalf("RS106 has %d occurrences, the test needs several", n)
	}
	for _, rule := range []string{"RS101", "RS103", "RS106"} {
		whole, live := found[false][rule], found[true][rule]
		if live.Count != whole.Count || live.Connections != whole.Connections || live.Title != whole.Title || len(live.Examples) != len(whole.Examples) ||
			!slices.Equal(live.Victims, whole.Victims) || !slices.Equal(live.Commands, whole.Commands) {
			t.Errorf("%s: live %d on %d, %v, %v, %d examples, %q; knowing all: %d on %d, %v, %v, %d examples, %q", rule,
				live.Count, live.Connections, live.Victims, live.Commands, len(live.Examples), live.Title,
				whole.Count, whole.Connections, whole.Victims, whole.Commands, len(whole.Examples), whole.Title)
		}
	}
	// Each of the callers counted by RS103 got a redirect, until the last one.
	if got, all := early["RS106"], early["RS103"]; len(got) < 3 || len(got) != len(all) || !slices.Equal(got[:2], all[:2]) {
		t.Errorf("RS106 was reported with counts %v while the connection was open, RS103 with %v", got, early["RS103"])
	}
}
