package bench_test

import (
	"iter"
	"runtime"
	"testing"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// maxAllocations is the bound on heap allocations a packet once connections and buffers exist. It is above zero only
// for what grows by doubling and for the runtime's own.
const maxAllocations = 0.001

// TestSteadyStateDoesNotAllocate runs all rules on healthy traffic and counts allocations after a warm-up.
func TestSteadyStateDoesNotAllocate(t *testing.T) {
	for _, c := range []struct {
		name         string
		conns, depth int
		slow, pushes bool
		packets      int // measured, after as many to warm up
	}{
		{"request and reply", 50, 1, false, false, 100_000},
		{"pipelines of 32", 50, 32, false, false, 20_000},
		{"2,000 connections", 2_000, 1, false, false, 100_000},
		{"after slow replies", 50, 1, true, false, 100_000},
		{"an invalidation behind each reply", 50, 1, false, true, 100_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			source := newTraffic(c.conns, c.depth)
			source.pushes = c.pushes
			var packets iter.Seq2[capture.Packet, error] = func(yield func(capture.Packet, error) bool) {
				for i, n := range []int{c.packets, c.packets} {
					source.slow = c.slow && i == 0
					runtime.ReadMemStats(&before)
					for p, err := range source.packets(n) {
						if !yield(p, err) {
							return
						}
					}
				}
				runtime.ReadMemStats(&after)
			}
			run := analysis.NewRun(nil)
			segments := reassembly.New(reassembly.Options{}).Segments(packets)
			for f, err := range run.Detect(run.Events(segments), detectors.All()) {
				if f.Rule != "RS908" || !c.slow { // how long these callers would have waited nobody knows
					t.Errorf("healthy traffic gave %s, error %v", f.Rule, err)
				}
			}
			if got, want := run.Summary().Commands, int64(c.packets*c.depth); got != want {
				t.Errorf("%d commands, want %d", got, want)
			}
			if share := float64(after.Mallocs-before.Mallocs) / float64(c.packets); share > maxAllocations {
				t.Errorf("%.4f allocations a packet, want at most %g", share, maxAllocations)
			}
		})
	}
}
