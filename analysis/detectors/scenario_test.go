package detectors_test

import (
	"fmt"
	"iter"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/reassembly"
)

// result is what a run over packets found.
type result struct {
	findings []incident.Finding
	rows     map[netip.AddrPort]map[int]pairing.Belief // by client and command
	serves   map[netip.AddrPort]map[int]int
	conns    []*analysis.ConnSummary
	summary  analysis.Summary
}

// rules are all of them, with their pages read once: they hold no state of a run.
var rules = sync.OnceValue(detectors.All)

// inspect runs every rule over packets.
func inspect(tb testing.TB, packets iter.Seq2[capture.Packet, error], o analysis.Options) result {
	tb.Helper()
	r := result{rows: map[netip.AddrPort]map[int]pairing.Belief{}, serves: map[netip.AddrPort]map[int]int{}}
	asm := reassembly.New(reassembly.Options{Ports: o.Ports})
	run := analysis.NewRun(&o)
	run.KeepConns(bound.Evidence)
	run.QualityFrom(func() analysis.CaptureQuality {
		return analysis.CaptureQuality{Stats: asm.Stats(), Unread: asm.Unread()}
	})
	events := run.Events(asm.Segments(packets))
	tap := func(yield func(pairing.Event, error) bool) {
		for e, err := range events {
			if ex, ok := e.(*pairing.Exchange); ok {
				c := ex.Session.Client
				if r.rows[c] == nil {
					r.rows[c], r.serves[c] = map[int]pairing.Belief{}, map[int]int{}
				}
				r.rows[c][ex.Index] = ex.Belief
				if ex.Served {
					r.serves[c][ex.Index] = ex.Index
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
	for f, err := range run.Detect(tap, rules()) {
		if err != nil {
			tb.Fatal(err)
		}
		r.findings = append(r.findings, f)
	}
	r.conns, r.summary = run.Conns(), run.Summary()
	return r
}

// load parses a scenario file.
func load(tb testing.TB, path string) *scenario.Scenario {
	tb.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	s, err := scenario.Parse(filepath.Base(path), src)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// optionsOf turns a scenario's header into options.
func optionsOf(tb testing.TB, s *scenario.Scenario) analysis.Options {
	tb.Helper()
	o := analysis.Options{ReadTimeouts: map[netip.Addr]time.Duration{}, Policies: map[netip.Addr]client.Policy{}}
	for _, arg := range s.ReadTimeouts {
		k, v := keyValue(arg)
		d, err := time.ParseDuration(v)
		if err != nil {
			tb.Fatal(err)
		}
		o.ReadTimeouts[address(k)] = d
	}
	for _, arg := range s.Policies {
		k, v := keyValue(arg)
		p, ok := client.ParsePolicy(v)
		if !ok {
			tb.Fatalf("policy %q", v)
		}
		o.Policies[address(k)] = p
	}
	return o
}

// keyValue splits "10.0.0.1=50ms"; without an address the value counts for all.
func keyValue(arg string) (key, value string) {
	key, value, ok := strings.Cut(arg, "=")
	if !ok {
		return "", key
	}
	return key, value
}

func address(k string) netip.Addr {
	a, _ := netip.ParseAddr(k)
	return a
}

// scenarios lists all scenario files.
func scenarios(tb testing.TB) []string {
	tb.Helper()
	files, err := filepath.Glob("../../testdata/scenarios/*/*.txt")
	if err != nil || len(files) == 0 {
		tb.Fatal("no scenarios", err)
	}
	return files
}

// TestScenarios holds every scenario against its expectations: all of them and only those.
func TestScenarios(t *testing.T) {
	have := map[string]bool{}
	for _, d := range detectors.All() {
		have[d.ID] = true
	}
	for _, path := range scenarios(t) {
		rule := strings.ToUpper(filepath.Base(filepath.Dir(path)))
		t.Run(rule+"/"+strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			if !have[rule] {
				t.Skipf("%s is not there yet", rule)
			}
			s := load(t, path)
			r := inspect(t, s.Packets(), optionsOf(t, s))
			for _, problem := range compare(s, r, have) {
				t.Error(problem)
			}
		})
	}
}

// compare returns what a result lacks, or has beyond what the scenario wants.
func compare(s *scenario.Scenario, r result, have map[string]bool) (problems []string) {
	clients := map[string]netip.AddrPort{}
	for _, c := range s.Conns {
		clients[c.Name] = c.Client
	}
	allowed := map[string]bool{}
	for _, a := range s.Allow {
		allowed[a] = true
	}
	for _, w := range s.Wants {
		if w.Rule == "none" {
			for _, f := range r.findings {
				for _, e := range f.Examples {
					if w.Conn != "" && e.Client == clients[w.Conn] && !allowed[f.Rule] && f.Rule < "RS900" {
						problems = append(problems, fmt.Sprintf("line %d: %s on %s: %s", w.Line, f.Rule, w.Conn, f.Title))
					}
				}
			}
			continue
		}
		if !have[w.Rule] {
			continue
		}
		allowed[w.Rule] = true
		n, best := 0, pairing.Suppressed
		for _, f := range r.findings {
			if f.Rule != w.Rule {
				continue
			}
			n += f.Count
			best = max(best, f.Confidence)
		}
		least, _ := pairing.ParseConfidence(w.Confidence)
		switch {
		case n < w.Min, w.Max > 0 && n > w.Max:
			problems = append(problems, fmt.Sprintf("line %d: %s reported %d times, want %d..%d", w.Line, w.Rule, n, w.Min, w.Max))
		case n > 0 && best < least:
			problems = append(problems, fmt.Sprintf("line %d: %s is %s, want at least %s", w.Line, w.Rule, best, w.Confidence))
		}
	}
	for _, f := range r.findings {
		if f.Rule < "RS900" && !allowed[f.Rule] {
			problems = append(problems, fmt.Sprintf("unexpected %s %s (%s): %s", f.Rule, f.Name, f.Confidence, f.Title))
		}
	}
	for _, b := range s.Believes {
		got := r.rows[clients[b.Conn]][b.Command]
		least, _ := pairing.ParseConfidence(b.Confidence)
		if got.Index != b.Reply || got.Index > 0 && got.Confidence < least {
			problems = append(problems, fmt.Sprintf("line %d: caller of %s %d believes %d (%s), want %d %s", b.Line, b.Conn, b.Command, got.Index, got.Confidence, b.Reply, b.Confidence))
		}
	}
	for _, b := range s.Serves {
		if got := r.serves[clients[b.Conn]][b.Command]; got != b.Reply {
			problems = append(problems, fmt.Sprintf("line %d: %s %d is served by %d, want %d", b.Line, b.Conn, b.Command, got, b.Reply))
		}
	}
	slices.Sort(problems)
	return problems
}
