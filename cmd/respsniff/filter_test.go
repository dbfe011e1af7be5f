package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/testcap"
)

// stall is a server that answers nobody for two seconds, though its kernel does, and another one that is well.
const stall = `
conn w 10.0.0.1:40001 -> 10.0.0.3:6379
repeat 20 every 2ms { w > GET k{i} => $v{i} }
repeat 12 { conn c{i} 10.0.0.1:{42000+i} -> 10.0.0.2:6379 }
2.0 repeat 12 { c{i} > GET a => $A }
5.0 repeat 12 every 3ms { c{i} > GET b }
7.2 repeat 12 every 10us { c{i} < $B }
7.3 repeat 12 { c{i} > GET c => $C }
`

func TestConnectionFiltersHoldForTheWholeRun(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		want        bool
	}{
		{"--server", "10.0.0.2", true},
		{"--conn", "2", true},
		{"--server", "10.0.0.3", false},
		{"--client", "10.0.0.9", false},
		{"--conn", "1", false},
		{"--conn", "99", false},
	} {
		r := runApp(t, nil, "", "analyze", "-o", "csv", path, tc.flag, tc.value)
		code := exitClean
		if tc.value == "99" || tc.value == "10.0.0.9" {
			code = exitIncomplete
		}
		if r.code != code || strings.Contains(r.out, "RS401") != tc.want {
			t.Errorf("%s %s: exit code %d, RS401 wanted: %t\n%s%s", tc.flag, tc.value, r.code, tc.want, r.out, r.errout)
		}
		if none := tc.value == "99" || tc.value == "10.0.0.9"; strings.Contains(r.errout, "no connection") != none {
			t.Errorf("%s %s: %s", tc.flag, tc.value, r.errout)
		}
	}
}

func TestConnsByCommandKeyAndRule(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		rows        int
	}{
		{"--cmd", "GET", 13}, {"--cmd", "SET", 0}, {"--key", "k1?", 1}, {"--key", "b", 12}, {"--rule", "RS101", 0}, {"--rule", "RS9", 1}, {"--rule", "RS3", 0},
	} {
		r := runApp(t, nil, "", "conns", "-o", "ndjson", path, tc.flag, tc.value)
		if n := strings.Count(r.out, "\n"); r.code != exitClean || n != tc.rows {
			t.Errorf("%s %s: exit code %d, %d rows, want %d: %s", tc.flag, tc.value, r.code, n, tc.rows, r.errout)
		}
	}
	bad := generated(t, desync)
	if r := runApp(t, nil, "", "conns", "-o", "ndjson", bad, "--rule", "rs101"); strings.Count(r.out, "\n") != 1 {
		t.Errorf("--rule rs101: %s%s", r.out, r.errout)
	}
}

// TestFiltersSayWhatTheyLeaveOut: the text above its verdict, the document in its summary, and both of a saved run.
func TestFiltersSayWhatTheyLeaveOut(t *testing.T) {
	path := testcap.Path(t, "01a_small.pcap")
	type doc struct {
		Summary struct {
			Filtered *struct {
				By                              []string
				Connections, Commands, Findings int
			}
		}
		Findings []struct{ Rule, Severity string }
	}
	run := func(args ...string) (d doc) {
		r := runApp(t, nil, "", append(args, "-o", "json")...)
		if err := json.Unmarshal([]byte(r.out), &d); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, r.errout)
		}
		return d
	}
	all := run("analyze", path)
	if all.Summary.Filtered != nil || len(all.Findings) < 3 {
		t.Fatalf("without a filter: %+v", all)
	}
	for _, tc := range []struct {
		args []string
		keep func(rule, severity string) bool
	}{
		{[]string{"--not-rule", "dirty-reuse"}, func(rule, _ string) bool { return rule != "RS101" }},
		{[]string{"--rule", "Dirty-Reuse"}, func(rule, _ string) bool { return rule == "RS101" }},
		{[]string{"--not-rule", "rs1"}, func(rule, _ string) bool { return !strings.HasPrefix(rule, "RS1") }},
		{[]string{"--min-severity", "critical"}, func(_, severity string) bool { return severity == "critical" }},
		{[]string{"--not-rule", "RS1", "--not-rule", "read-timeout", "--min-severity", "low"}, func(rule, severity string) bool {
			return severity != "info" && !strings.HasPrefix(rule, "RS1") && rule != "RS210"
		}},
	} {
		want, code := 0, exitClean
		for _, f := range all.Findings {
			if tc.keep(f.Rule, f.Severity) {
				want++
				if f.Severity == "high" || f.Severity == "critical" {
					code = exitFindings
				}
			}
		}
		got := run(append([]string{"analyze", path}, tc.args...)...)
		if len(got.Findings) != want || got.Summary.Filtered == nil || got.Summary.Filtered.Findings != len(all.Findings)-want {
			t.Errorf("%v: %+v, want %d of %d findings", tc.args, got, want, len(all.Findings))
		}
		saved := filepath.Join(t.TempDir(), "all.json")
		runApp(t, nil, "", "analyze", path, "-o", "json="+saved)
		for _, args := range [][]string{{"analyze", path}, {"render", saved}} {
			r := runApp(t, nil, "", append(args, tc.args...)...)
			says := fmt.Sprintf("Left out by %s %s", tc.args[0], tc.args[1])
			if first, _, _ := strings.Cut(r.out, "\n"); r.code != code || !strings.HasPrefix(first, says) || !strings.Contains(first, fmt.Sprintf(": %d finding", len(all.Findings)-want)) {
				t.Errorf("%v %v: exit code %d: %s%s", args, tc.args, r.code, first, r.errout)
			}
		}
	}
	path = generated(t, desync)
	other := run("analyze", path, "--client", "10.0.0.9")
	if x := other.Summary.Filtered; x == nil || x.Connections != 1 || x.Commands != 223 || !slices.Equal(x.By, []string{"--client 10.0.0.9"}) {
		t.Errorf("another client: %+v", x)
	}
	if r := runApp(t, nil, "", "analyze", path, "--client", "10.0.0.9", "--key", "user:1", "--mask", "keys,addresses"); strings.Contains(r.out, "10.0.0.9") || strings.Contains(r.out, "user:1") {
		t.Errorf("a filter shows what --mask hides:\n%s", r.out)
	}
}

func TestRuleNamesAreSuggested(t *testing.T) {
	for _, args := range [][]string{
		{"analyze", "x.pcap", "--rule", "dirty-resue"}, {"analyze", "x.pcap", "--not-rule", "RS1O1"}, {"render", "x.json", "--rule", "dirty-reus"},
		{"conns", "x.pcap", "--rule", "dirtyreuse"}, {"explain", "dirty-resue"}, {"live", "--not-rule", "dirty_reuse"}, {"verify", ".", "--rule", "dirty-reuze"},
	} {
		r := runApp(t, nil, "", args...)
		if r.code != exitUsage || !strings.Contains(r.errout, "did you mean RS101 dirty-reuse?") {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.errout)
		}
	}
	env := map[string]string{"RESPSNIFF_NOT_RULE": "drity-reuse"}
	if r := runApp(t, env, "", "analyze", "x.pcap"); r.code != exitUsage || !strings.Contains(r.errout, "did you mean RS101") {
		t.Errorf("from the environment: exit code %d: %s", r.code, r.errout)
	}
	config := temp(t, "c.yaml", "not-rule: [dirty-reuse, off-by-k]\nmin-severity: high\n")
	if r := runApp(t, nil, "", "analyze", generated(t, desync), "--config", config); !strings.Contains(r.out, "--not-rule off-by-k") || strings.Contains(r.out, "RS101") {
		t.Errorf("from the configuration: exit code %d: %s%s", r.code, r.out, r.errout)
	}
	if r := runApp(t, nil, "", "__complete", "analyze", "--not-rule", "dirty"); !strings.Contains(r.out, "dirty-reuse") {
		t.Errorf("completion: %s", r.out)
	}
}

func TestVerifyByRules(t *testing.T) {
	capture := generated(t, desync)
	if r := runApp(t, nil, "", "verify", "--write", capture, "--rule", "RS1"); r.code != exitUsage {
		t.Errorf("--write of some rules: exit code %d: %s", r.code, r.errout)
	}
	if err := writeFile(gate.ExpectationPath(capture), "want: [{rule: dirty-reuse}, {rule: moved-to-self}]\n"); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		flags []string
		code  int
		says  string
	}{
		{nil, exitFindings, "missing: RS302"},
		{[]string{"--rule", "rs101"}, exitClean, "Expectations left out: 1."},
		{[]string{"--not-rule", "RS3"}, exitFindings, "unexpected: RS103"},
		{[]string{"--not-rule", "RS3", "--not-rule", "off-by-k"}, exitClean, "Left out by --not-rule RS3, --not-rule off-by-k: "},
		{[]string{"--min-severity", "critical", "--not-rule", "RS103"}, exitClean, "Expectations left out: 1."}, // RS302 is high
		{[]string{"--rule", "RS2"}, exitClean, "Expectations left out: 2."},
	} {
		r := runApp(t, nil, "", append([]string{"verify", capture}, tc.flags...)...)
		if r.code != tc.code || !strings.Contains(r.out, tc.says) {
			t.Errorf("%v: exit code %d, want %d saying %q:\n%s%s", tc.flags, r.code, tc.code, tc.says, r.out, r.errout)
		}
	}
}
