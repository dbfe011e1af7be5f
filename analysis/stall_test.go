package analysis_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
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

func TestDebugStalls(t *testing.T) {
	name := os.Getenv("CAP")
	run := runOver(t, name+".pcap")
	truth := stops(t, name+".stalls.jsonl")
	nodes := map[string]string{"198.18.0.11:14159": "c1", "198.18.0.12:14160": "c2", "198.18.0.13:14161": "c3"}
	for _, st := range run.Stalls() {
		n := nodes[st.Server.String()]
		if n == "" {
			n = "r4"
		}
		var best *stop
		for i := range truth[n] {
			x := &truth[n][i]
			if x.from < st.End && x.to > st.Start && (best == nil || min(x.to, st.End)-max(x.from, st.Start) > min(best.to, st.End)-max(best.from, st.Start)) {
				best = x
			}
		}
		if best == nil {
			t.Logf("FALSE %s %v %v %+v", n, st.Start.Std(), st.Duration(), st.First)
			continue
		}
		t.Logf("%s conns=%d acked=%d prompt=%d burst=%d open=%v start %+.1f before %+.1f end %+.1f dur %.1f/%.1f", n, st.Connections, st.Acknowledged, st.Prompt, st.Burst, st.Open,
			float64(st.Start.Sub(best.from))/1e6, float64(st.Before.Sub(best.from))/1e6, float64(st.End.Sub(best.to))/1e6, float64(st.Duration())/1e6, float64(best.to.Sub(best.from))/1e6)
	}
	for n, list := range truth {
		for _, x := range list {
			if x.to.Sub(x.from) < 100*time.Millisecond {
				continue
			}
			found := false
			for _, st := range run.Stalls() {
				if nn := nodes[st.Server.String()]; (nn == n || n == "r4") && x.from < st.End && x.to > st.Start {
					found = true
				}
			}
			if !found {
				t.Logf("MISSED %s %v for %v", n, x.from.Std().UnixNano(), x.to.Sub(x.from))
			}
		}
	}
}
