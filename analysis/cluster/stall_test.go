package cluster_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
	"github.com/respsniff/respsniff/reassembly"
)

// runOver passes a capture through all stages below the rules and returns the run when it is over.
func runOver(tb testing.TB, name string) *analysis.Run {
	tb.Helper()
	src, err := capture.Open([]string{testcap.Path(tb, name)}, capture.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	defer src.Close()
	run := analysis.NewRun(nil)
	for _, err := range run.Events(reassembly.New(reassembly.Options{}).Segments(src.Packets())) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return run
}

// stop is a time in which the laboratory had stopped a server with SIGSTOP.
type stop struct{ from, to capture.Time }

// stops reads the truth: when which node was stopped. Nodes are named c1, c2, c3 by their address's last digit.
func stops(tb testing.TB, name string) map[string][]stop {
	tb.Helper()
	text, err := os.ReadFile(testcap.Path(tb, name))
	if err != nil {
		tb.Fatal(err)
	}
	open, all := map[string]capture.Time{}, map[string][]stop{}
	for line := range strings.Lines(string(text)) {
		var e struct {
			T        json.Number
			Node, Ev string
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			tb.Fatal(err)
		}
		seconds, err := e.T.Float64()
		if err != nil {
			tb.Fatal(err)
		}
		at := capture.Time(seconds * 1e9)
		if e.Ev == "SIGSTOP" {
			open[e.Node] = at
		} else {
			all[e.Node] = append(all[e.Node], stop{open[e.Node], at})
		}
	}
	return all
}

// TestStallsAgainstTruth holds the stalls found beside the times at which the laboratory stopped the servers. A stall that
// only one connection noticed is not expected; each one found must be true.
func TestStallsAgainstTruth(t *testing.T) {
	for _, tc := range []struct {
		name  string
		nodes map[string]string
		least int // stalls
		other int // stalls of the machine itself, which nobody logged
	}{
		{"01a_jedis262_buggy_T300", clusterNodes, 140, 0},
		{"01c_jedis262_fixed_T300", clusterNodes, 137, 0},
		{"01f_jedis262_timeouts_only", clusterNodes, 47, 1},
		{"02a_redispy451_asyncio_cancel", map[string]string{"198.18.0.14:6379": "r4"}, 20, 0},
		{"02d_redispy455_asyncio_fixed", map[string]string{"198.18.0.14:6379": "r4"}, 19, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			run := runOver(t, tc.name+".pcap")
			truth := stops(t, tc.name+".stalls.jsonl")
			if n := len(run.Topology().Stalls()); n < tc.least {
				t.Errorf("%d stalls, want %d or more", n, tc.least)
			}
			strangers := 0
			for _, st := range run.Topology().Stalls() {
				if !near(st, truth[tc.nodes[st.Server.String()]]) {
					strangers++
					if strangers > tc.other {
						t.Errorf("no stop of %s within 50 ms of the stall from %s (alive %s before) to %s", st.Server,
							st.Start.Std().Format(time.RFC3339Nano), st.Start.Sub(st.Before), st.End.Std().Format(time.RFC3339Nano))
					}
				}
				if st.Acknowledged < 2 || st.Connections < 2 || st.Duration() < 100*time.Millisecond {
					t.Errorf("stall with %d connections, %d acknowledged, %s", st.Connections, st.Acknowledged, st.Duration())
				}
			}
		})
	}
}

var clusterNodes = map[string]string{"198.18.0.11:14159": "c1", "198.18.0.12:14160": "c2", "198.18.0.13:14161": "c3"}

// near reports whether a stop ended within 50 ms of the stall's end, and whether that stop, or one before it that ran
// into it without a byte in between, began within 50 ms of the time in which the process fell silent: after its last
// sign of life, and before the first command that had to wait.
func near(st *cluster.Stall, truth []stop) bool {
	const close = 50 * time.Millisecond
	ended, began := false, false
	for _, x := range truth {
		d := st.End.Sub(x.to)
		ended = ended || d < close && d > -close
		began = began || x.from.Sub(st.Before) > -close && st.Start.Sub(x.from) > -close
	}
	return ended && began
}

func TestStallOverlap(t *testing.T) {
	run := runOver(t, "01a_small.pcap")
	if len(run.Topology().Stalls()) == 0 {
		t.Fatal("no stalls")
	}
	st := run.Topology().Stalls()[0]
	mid := st.Start.Add(st.Duration() / 2)
	for _, tc := range []struct {
		name     string
		from, to capture.Time
		behind   bool
	}{
		{"inside", st.Start, st.End, true},
		{"half covered", st.Start.Add(-st.Duration() / 2), mid, true},
		{"touched only", st.Start.Add(-10 * st.Duration()), st.Start.Add(time.Millisecond), false},
		{"before", st.Start.Add(-st.Duration()), st.Start, false},
	} {
		if got := run.Topology().StallBehind(st.Server, tc.from, tc.to); (got != nil) != tc.behind {
			t.Errorf("%s: a stall behind it is %v, want %v", tc.name, got != nil, tc.behind)
		}
	}
}
