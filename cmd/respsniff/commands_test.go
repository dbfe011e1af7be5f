package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/respsniff/respsniff/internal/testcap"
)

// generated makes a capture of a scenario.
func generated(t *testing.T, scenario string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "made.pcap")
	if r := runApp(t, nil, scenario, "generate", "-", "-o", path); r.code != exitClean {
		t.Fatalf("generate: exit code %d: %s", r.code, r.errout)
	}
	return path
}

// desync is a client that gives up after 300 ms and goes on with the connection.
const desync = `
policy 10.0.0.1=lockstep
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
repeat 220 every 2ms { c1 > GET k{i} => $v{i} }
+5ms c1 > GET a
+300.4ms c1 > GET b
+10ms c1 < $A | $B
+5ms c1 > GET c => $C
+5ms c1 > FIN
+100us c1 < FIN
`

const healthy = `
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
repeat 20 every 2ms { c1 > GET k{i} => $v{i} }
+5ms c1 > FIN
+100us c1 < FIN
`

func TestAnalyzeExitFollowsFindings(t *testing.T) {
	bad, good := generated(t, desync), generated(t, healthy)
	if r := runApp(t, nil, "", "analyze", good); r.code != exitClean || !strings.HasPrefix(r.out, "CLEAN") {
		t.Errorf("healthy: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	r := runApp(t, nil, "", "analyze", bad)
	if r.code != exitFindings || !strings.HasPrefix(r.out, "DESYNC") || !strings.Contains(r.out, "RS101") {
		t.Errorf("desync: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", "--fail-on", "none", bad); r.code != exitClean {
		t.Errorf("--fail-on none: exit code %d", r.code)
	}
	if r := runApp(t, nil, "", "analyze", "--rule", "RS3", bad); r.code != exitClean {
		t.Errorf("--rule RS3: exit code %d\n%s", r.code, r.out)
	}
	if r := runApp(t, nil, "", "analyze", "--client", "10.9.9.9", bad); r.code != exitIncomplete || !strings.Contains(r.out, "NOTHING MATCHED") {
		t.Errorf("another client: exit code %d\n%s", r.code, r.out)
	}
	if r := runApp(t, nil, "", "analyze", "--separate", good, bad); r.code != exitFindings || strings.Count(r.out, "\nUnseen ") != 2 {
		t.Errorf("--separate: exit code %d\n%s", r.code, r.out)
	}
	if r := runApp(t, nil, "", "analyze", "--separate", good, "/no/such.pcap"); r.code != exitIncomplete {
		t.Errorf("--separate with a missing file: exit code %d", r.code)
	}
	if r := runApp(t, nil, "", "analyze", "-q", "--separate", bad, "/no/such.pcap"); !strings.Contains(r.errout, "/no/such.pcap") {
		t.Errorf("-q hides an error: %s", r.errout)
	}
	folder := t.TempDir()
	for name, from := range map[string]string{"a.pcap": good, "b.pcap": bad} {
		if err := os.Link(from, filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	if r := runApp(t, nil, "", "analyze", "--separate", folder); r.code != exitFindings || strings.Count(r.out, "\nUnseen ") != 2 {
		t.Errorf("--separate with a folder: exit code %d\n%s", r.code, r.out)
	}
	if r := runApp(t, nil, "", "analyze", "--separate", bad, "/no/such.pcap"); r.code != exitFindings {
		t.Errorf("a finding wins: exit code %d", r.code)
	}
}

func TestPairsAndConns(t *testing.T) {
	bad := generated(t, desync)
	r := runApp(t, nil, "", "pairs", "-o", "ndjson", bad)
	if r.code != exitClean {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if len(lines) != 223 {
		t.Fatalf("%d rows, want one for each of 223 commands", len(lines))
	}
	for i, line := range lines {
		var row rows.Exchange
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Type != "exchange" || row.Conn != 1 || row.Index != i+1 || row.Command != "GET" || row.Serves == nil || row.Serves.Index != row.Index {
			t.Errorf("row %d: %s", i+1, line)
		}
	}
	if r := runApp(t, nil, "", "pairs", "-o", "ndjson", "--key", "[abc]", bad); strings.Count(r.out, "\n") != 3 {
		t.Errorf("--key: %s", r.out)
	}
	if r := runApp(t, nil, "", "pairs", "-o", "ndjson", "--cmd", "set", bad); r.out != "" {
		t.Errorf("--cmd: %s", r.out)
	}
	var doc struct {
		Complete  bool `json:"complete"`
		Exchanges []rows.Exchange
	}
	if r := runApp(t, nil, "", "pairs", "-o", "json", bad); json.Unmarshal([]byte(r.out), &doc) != nil || !doc.Complete || len(doc.Exchanges) != 223 {
		t.Errorf("json: %d rows, complete %v", len(doc.Exchanges), doc.Complete)
	}
	r = runApp(t, nil, "", "conns", "-o", "ndjson", bad)
	var conn rows.Conn
	if err := json.Unmarshal([]byte(r.out), &conn); err != nil {
		t.Fatalf("%v: %s", err, r.out)
	}
	if conn.Conn != 1 || conn.Client != "10.0.0.1:40001" || conn.Server != "10.0.0.2:6379" || conn.Start != "syn" || conn.End != "fin" ||
		conn.Commands != 223 || conn.Replies != 223 || !conn.Dirty || conn.Behind < 1 || !slices.Contains(conn.Findings, "RS101") {
		t.Errorf("%s", r.out)
	}
}

func TestDumpStages(t *testing.T) {
	path := generated(t, healthy)
	for stage, want := range map[string]string{
		"packets":   `(?m)^\S+Z file=0 frame=1 link=1 len=\d+ cap=\d+$`,
		"segments":  `(?m)^\S+Z conn=1 frame=\d+ 10\.0\.0\.1:40001>10\.0\.0\.2:6379 \[P\.\] off=0 len=21 cap=21 ack=0 `,
		"values":    `(?m)^\S+Z conn=1 frame=\d+ < \[0,8\) bulk n=2$`,
		"exchanges": `(?m)^\S+Z conn=1 #20 GET frame=\d+ .* key=k19 \| serves bulk frame=\d+ .* \| believes #20 `,
	} {
		r := runApp(t, nil, "", "dump", "--stage", stage, path)
		if r.code != exitClean || !regexp.MustCompile(want).MatchString(r.out) {
			t.Errorf("%s: exit code %d: no line like %s\n%.600s", stage, r.code, want, r.out)
		}
		if r := runApp(t, nil, "", "dump", "--stage", stage, "--mask", "keys,addresses", path); strings.Contains(r.out, "10.0.0.") || strings.Contains(r.out, "k19") {
			t.Errorf("%s is not masked:\n%.600s", stage, r.out)
		}
		r = runApp(t, nil, "", "dump", "--stage", stage, "--key", "k1?", path)
		if code := map[bool]int{true: exitClean, false: exitUsage}[stage == "exchanges"]; r.code != code || strings.Count(r.out, " GET ")%10 != 0 {
			t.Errorf("%s by key: exit code %d\n%.600s", stage, r.code, r.out)
		}
	}
	if r := runApp(t, nil, "", "dump", "--stage", "packets", "--conn", "1", path); r.code != exitUsage {
		t.Errorf("packets of a connection: exit code %d", r.code)
	}
}

func TestExplain(t *testing.T) {
	list := runApp(t, nil, "", "explain")
	for _, word := range []string{"RS101", "rs101", "dirty-reuse"} {
		r := runApp(t, nil, "", "explain", word)
		if r.code != exitClean || !strings.Contains(strings.ToUpper(r.out), "RS101") || !strings.Contains(list.out, "RS101") {
			t.Errorf("%s: exit code %d: %.200s", word, r.code, r.out)
		}
	}
}

func TestRender(t *testing.T) {
	bad := generated(t, desync)
	dir := t.TempDir()
	for _, form := range []string{"json", "ndjson"} {
		saved := filepath.Join(dir, "run."+form)
		direct := runApp(t, nil, "", "analyze", bad, "--tz", "UTC", "-o", "text", "-o", form+"="+saved)
		again := runApp(t, nil, "", "render", saved, "--tz", "UTC")
		if again.out != direct.out || again.code != direct.code {
			t.Errorf("%s: exit code %d and %d; rendered text differs:\n%s\n---\n%s", form, direct.code, again.code, direct.out, again.out)
		}
	}
	for _, format := range report.Formats {
		r := runApp(t, nil, "", "render", filepath.Join(dir, "run.json"), "-o", string(format))
		if r.code != exitFindings || len(r.out) < 100 {
			t.Errorf("%s: exit code %d, %d bytes: %s", format, r.code, len(r.out), r.errout)
		}
	}
	if r := runApp(t, nil, "hello", "render", "-"); r.code != exitIncomplete {
		t.Errorf("not a report: exit code %d", r.code)
	}
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	capture, expect := filepath.Join(dir, "late.pcap"), filepath.Join(dir, "late.expect.yaml")
	record := func(scenario string) {
		if r := runApp(t, nil, scenario, "generate", "-", "-o", capture, "--force"); r.code != exitClean {
			t.Fatalf("generate: %s", r.errout)
		}
	}
	record(desync)
	if r := runApp(t, nil, "", "verify", dir); r.code != exitIncomplete {
		t.Errorf("no expectation: exit code %d", r.code)
	}
	if r := runApp(t, nil, "", "verify", capture); r.code != exitUsage || !strings.Contains(r.errout, "--write") {
		t.Errorf("no expectation: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "verify", "--write", dir); r.code != exitClean {
		t.Fatalf("--write: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "verify", "--write", dir); r.code != exitUsage {
		t.Errorf("--write again: exit code %d", r.code)
	}
	if r := runApp(t, nil, "", "verify", dir); r.code != exitClean || !strings.HasPrefix(r.out, "ok ") {
		t.Errorf("as expected: exit code %d\n%s", r.code, r.out)
	}
	// Another recording of the same run: other ports, another day.
	record("base 2027-05-06T07:08:09Z\n" + strings.ReplaceAll(desync, "40001", "51515"))
	if r := runApp(t, nil, "", "verify", dir); r.code != exitClean {
		t.Errorf("recorded again: exit code %d\n%s", r.code, r.out)
	}
	written, err := os.ReadFile(expect)
	if err != nil {
		t.Fatal(err)
	}
	change := func(text string) {
		if err := os.WriteFile(expect, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"a missing finding":     string(written) + "\nforbid: [RS3]\n",
		"an unexpected finding": "want: []\n",
		"another connection":    strings.Replace(string(written), "  - rule: RS101\n", "  - rule: RS101\n    conn: 7\n", 1),
		"a changed count":       regexp.MustCompile(`min: \d+`).ReplaceAllString(string(written), "count: 99"),
	} {
		if name == "a missing finding" {
			text = strings.Replace(string(written), "want:\n", "want:\n  - rule: RS302\n", 1)
		}
		change(text)
		if r := runApp(t, nil, "", "verify", dir); r.code != exitFindings || !strings.HasPrefix(r.out, "FAIL") {
			t.Errorf("%s: exit code %d\n%s", name, r.code, r.out)
		}
	}
	change(strings.Replace(string(written), "  - rule: RS101\n", "  - rule: RS101\n    conn: 1\n", 1))
	if r := runApp(t, nil, "", "verify", dir); r.code != exitClean {
		t.Errorf("its connection: exit code %d\n%s", r.code, r.out)
	}
	change("wants: []\n")
	if r := runApp(t, nil, "", "verify", dir); r.code != exitUsage {
		t.Errorf("an unknown key: exit code %d", r.code)
	}
	if err := os.Remove(capture); err != nil {
		t.Fatal(err)
	}
	if r := runApp(t, nil, "", "verify", dir); r.code != exitIncomplete {
		t.Errorf("an expectation without its capture: exit code %d", r.code)
	}
}

func TestBaseline(t *testing.T) {
	bad := generated(t, desync)
	path := filepath.Join(t.TempDir(), "baseline.yaml")
	if r := runApp(t, nil, "", "analyze", bad, "--write-baseline", path, "--baseline-owner", "team-pool", "--baseline-until", "2099-01-01"); r.code != exitFindings {
		t.Fatalf("writing: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", bad, "--baseline", path); r.code != exitClean || !strings.Contains(r.out, "team-pool") || r.errout != "" {
		t.Errorf("accepted: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", "--rule", "RS2", bad, "--baseline", path); r.code != exitClean || r.errout != "" {
		t.Errorf("a filter leaves the finding out: exit code %d: %s", r.code, r.errout)
	}
	again := filepath.Join(t.TempDir(), "again.yaml")
	if r := runApp(t, nil, "", "analyze", "--rule", "RS2", bad, "--baseline", path, "--write-baseline", again); r.code != exitClean {
		t.Errorf("written with a filter: exit code %d: %s", r.code, r.errout)
	}
	before, _ := os.ReadFile(path)
	if after, err := os.ReadFile(again); err != nil || string(after) != string(before) {
		t.Errorf("a filter takes entries away: %v\n%s\n%s", err, before, after)
	}
	if r := runApp(t, nil, "", "analyze", bad, "--baseline", path, "-o", "json"); !strings.Contains(r.out, `"findings": []`) || strings.Contains(r.out, `"stories"`) {
		t.Errorf("an incident of accepted findings:\n%s", r.out)
	}
	if r := runApp(t, nil, "", "analyze", "/no/such.pcap", "--baseline", "/no/such.yaml"); r.code != exitUsage {
		t.Errorf("no baseline: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", generated(t, healthy), "--baseline", path); r.code != exitClean || !strings.Contains(r.errout, "met no finding") {
		t.Errorf("unmatched: exit code %d: %s", r.code, r.errout)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	expired := temp(t, "old.yaml", strings.ReplaceAll(string(text), "2099-01-01", "2001-01-01"))
	if r := runApp(t, nil, "", "analyze", bad, "--baseline", expired); r.code != exitFindings || !strings.Contains(r.errout, "expired") {
		t.Errorf("expired: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "analyze", bad, "--baseline", temp(t, "b.yaml", "accept: [{fingerprint: x}]")); r.code != exitUsage {
		t.Errorf("no reason: exit code %d", r.code)
	}
}

func TestDiff(t *testing.T) {
	good, bad := generated(t, healthy), generated(t, desync)
	if r := runApp(t, nil, "", "diff", good, bad); r.code != exitFindings || !strings.Contains(r.out, "NEW      RS101") || !strings.Contains(r.out, "Mann-Whitney") {
		t.Errorf("worse: exit code %d\n%s%s", r.code, r.out, r.errout)
	}
	if r := runApp(t, nil, "", "diff", bad, good); r.code != exitClean || !strings.Contains(r.out, "GONE     RS101") {
		t.Errorf("better: exit code %d\n%s", r.code, r.out)
	}
	saved := filepath.Join(t.TempDir(), "before.json")
	runApp(t, nil, "", "analyze", bad, "-o", "json="+saved)
	r := runApp(t, nil, "", "diff", "-o", "json", saved, bad)
	var doc struct {
		New, Gone, Changed []any
		Same               int
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil || r.code != exitClean || len(doc.New)+len(doc.Gone)+len(doc.Changed) != 0 || doc.Same == 0 {
		t.Errorf("a saved run and itself: exit code %d, %v\n%s", r.code, err, r.out)
	}
}

// TestDiffByRules: filters choose on both sides, of a saved run too, and --mask hides what a title names.
func TestDiffByRules(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	saved := filepath.Join(t.TempDir(), "before.json")
	runApp(t, nil, "", "analyze", small, "-o", "json="+saved)
	for _, before := range []string{small, saved} {
		r := runApp(t, nil, "", "diff", before, small, "--rule", "RS401", "--rule", "off-by-k")
		out := strings.Join(strings.Fields(r.out), " ")
		if r.code != exitClean || !strings.Contains(out, "0 findings gone, 0 new, 0 changed") || strings.Count(out, "Left out by --rule RS401, --rule off-by-k: ") != 2 {
			t.Errorf("%s: exit code %d: %s%s", before, r.code, r.out, r.errout)
		}
		good := generated(t, healthy)
		for _, format := range []string{"text", "json"} {
			if r := runApp(t, nil, "", "diff", before, good, "-o", format, "--mask", "addresses"); r.code != exitClean || strings.Contains(r.out, "198.18.") || !strings.Contains(r.out, "RS401") {
				t.Errorf("%s as %s: exit code %d: %.900s%s", before, format, r.code, r.out, r.errout)
			}
		}
	}
	if r := runApp(t, nil, "", "diff", saved, small, "--client", "198.18.0.2"); r.code != exitUsage || !strings.Contains(r.errout, "saved run") {
		t.Errorf("connections of a saved run: exit code %d: %s", r.code, r.errout)
	}
}

func TestVerifyIsMasked(t *testing.T) {
	text, err := os.ReadFile(testcap.Path(t, "01a_small.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	capture := temp(t, "x.pcap", string(text))
	if err := writeFile(gate.ExpectationPath(capture), "want: []\nforbid: [server-stall]\n"); err != nil {
		t.Fatal(err)
	}
	if r := runApp(t, nil, "", "verify", capture, "--mask", "addresses"); r.code != exitFindings || strings.Contains(r.out, "198.18.") || !strings.Contains(r.out, "RS401") {
		t.Errorf("exit code %d: %s%s", r.code, r.out, r.errout)
	}
}

func TestStats(t *testing.T) {
	r := runApp(t, nil, "", "stats", "-o", "json", generated(t, healthy))
	var doc struct {
		Complete bool
		All      struct{ Count int64 }
		Commands []struct {
			Name  string
			Count int64
		}
	}
	if err := json.Unmarshal([]byte(r.out), &doc); err != nil || !doc.Complete || doc.All.Count != 20 || len(doc.Commands) != 1 || doc.Commands[0].Name != "GET" {
		t.Errorf("%v\n%s%s", err, r.out, r.errout)
	}
	r = runApp(t, nil, "", "stats", generated(t, healthy))
	for _, want := range []string{"HOTTEST KEYS", "SLOWEST", "commands/s", "conn 1      frame "} {
		if !strings.Contains(r.out, want) {
			t.Errorf("no %q:\n%s", want, r.out)
		}
	}
}

func TestVersion(t *testing.T) {
	a, b := runApp(t, nil, "", "version"), runApp(t, nil, "", "--version")
	if a.code != exitClean || a != b || !strings.HasPrefix(a.out, "respsniff ") {
		t.Errorf("version: %+v, --version: %+v", a, b)
	}
}

func TestCutToStandardOutput(t *testing.T) {
	r := runApp(t, nil, "", "cut", generated(t, healthy), "--conn", "1", "-o", "-")
	if again := runApp(t, nil, r.out, "conns", "-o", "ndjson", "-"); r.code != exitClean || strings.Count(again.out, "\n") != 1 {
		t.Errorf("exit code %d: %s%s", r.code, r.errout, again.errout)
	}
}

func TestCut(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	path := filepath.Join(t.TempDir(), "cut.pcapng")
	if r := runApp(t, nil, "", "cut", small, "--finding", "RS101", "-o", path); r.code != exitClean {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	whole := runApp(t, nil, "", "analyze", "-o", "ndjson", "--rule", "RS101", small)
	again := runApp(t, nil, "", "analyze", "-o", "ndjson", "--rule", "RS101", path)
	var a, b struct {
		Fingerprint string
		Count       int
	}
	if err := json.Unmarshal([]byte(strings.Split(whole.out, "\n")[0]), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(strings.Split(again.out, "\n")[0]), &b); err != nil || a.Fingerprint != b.Fingerprint {
		t.Errorf("of the whole %+v, of the cut %+v, %v", a, b, err)
	}
	for _, args := range [][]string{{"cut", small, "-o", path}, {"cut", small, "--finding", "RS101"}, {"cut", small, "--finding", "RS000", "-o", path, "--force"}, {"cut", small, "--conn", "9999", "-o", path, "--force"}, {"cut", "-", "--conn", "1", "-o", path}} {
		if r := runApp(t, nil, "", args...); r.code != exitUsage {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.errout)
		}
	}
}

// TestCutShowsTheFindingAgain cuts each finding of real captures: the cut alone gives it as surely, in captures where it
// rests on what other connections taught too.
func TestCutShowsTheFindingAgain(t *testing.T) {
	type finding struct{ Rule, Fingerprint, Confidence string }
	findings := func(path string) []finding {
		var doc struct{ Findings []finding }
		r := runApp(t, nil, "", "analyze", "-q", "-o", "json", path)
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
			t.Fatalf("%v: %s", err, r.errout)
		}
		return doc.Findings
	}
	for _, name := range []string{"01a_small.pcap", "seed1_article.pcap"} {
		capture := testcap.Path(t, name)
		n := 0
		for _, f := range findings(capture) {
			if strings.HasPrefix(f.Rule, "RS9") {
				continue
			}
			n++
			path := filepath.Join(t.TempDir(), "cut.pcapng")
			if r := runApp(t, nil, "", "cut", capture, "--finding", f.Fingerprint, "-o", path); r.code != exitClean {
				t.Errorf("%s %s: exit code %d: %s", name, f.Fingerprint, r.code, r.errout)
			} else if again := findings(path); !slices.Contains(again, f) {
				t.Errorf("%s: of %+v the cut gives %+v", name, f, again)
			}
		}
		if n < 5 {
			t.Errorf("%s: only %d findings", name, n)
		}
	}
}

// TestNothingLeaksAndNothingActs runs every command in every format over secrets and hostile texts.
func TestNothingLeaksAndNothingActs(t *testing.T) {
	const scenario = `
policy 10.0.0.1=lockstep
conn c1 10.0.0.1:40001 -> 10.0.0.2:6379
c1 > AUTH SECRETa => +OK
c1 > HELLO 2 AUTH user SECRETb => +OK
c1 > CONFIG SET requirepass SECRETc => +OK
c1 > CONFIG GET requirepass => [ $requirepass $SECRETd ]
c1 > ACL SETUSER bob ">SECRETe" => +OK
c1 > ACL LIST => [ $"user bob on #SECRETf" ]
c1 > MIGRATE h 6379 k 0 100 AUTH SECRETg => +OK
c1 > MIGRATE h 6379 k 0 100 AUTH2 u SECRETh => +OK
repeat 220 every 2ms { c1 > GET k{i} => $v{i} }
+5ms c1 > GET "\x1b[31m\u202e</script>\r\n::error::x\x9b=1"
+300.4ms c1 > AUTH SECRETi
+10ms c1 < $"OPEN\x1b]0;x\x07" | +OK
+5ms c1 > "EV\x1bIL" "=cmd|x" => -ERR "\x1b[2J%0A::error::y"
+5ms c1 > FIN
+100us c1 < FIN
`
	path := generated(t, scenario)
	runs := [][]string{{"dump", "--stage", "values", path}, {"dump", path}, {"conns", path}, {"stats", path}, {"stats", "-o", "json", path}}
	for _, f := range report.Formats {
		runs = append(runs, []string{"analyze", "-v", "-o", string(f), path}, []string{"analyze", "--show-values", "-o", string(f), path})
	}
	for _, f := range rowFormats {
		runs = append(runs, []string{"pairs", "-v", "--show-values", "-o", string(f), path})
	}
	for _, args := range runs {
		r := runApp(t, nil, "", args...)
		if r.code != exitClean && r.code != exitFindings {
			t.Errorf("%v: exit code %d: %s", args, r.code, r.errout)
		}
		for _, out := range []string{r.out, r.errout} {
			if i := strings.Index(out, "SECRET"); i >= 0 {
				t.Errorf("%v: leaked: %q", args[:len(args)-1], out[max(0, i-60):min(len(out), i+20)])
			}
			for i, c := range out {
				if c != '\n' && c != '\t' && (unicode.IsControl(c) || unicode.Is(unicode.Cf, c)) {
					t.Errorf("%v: acting character: %q", args[:len(args)-1], out[max(0, i-20):min(len(out), i+10)])
					break
				}
			}
		}
	}
}

func TestTimesOfFilters(t *testing.T) {
	path := generated(t, "base 2026-01-02T03:04:05Z\n"+healthy)
	count := func(args ...string) int {
		r := runApp(t, nil, "", append([]string{"pairs", "-o", "ndjson", "--tz", "Europe/Berlin", path}, args...)...)
		if r.code != exitClean {
			t.Fatalf("%v: exit code %d: %s", args, r.code, r.errout)
		}
		return strings.Count(r.out, "\n")
	}
	all := count()
	if n := count("--since", "2026-01-02 04:04:04:900", "--until", "04:04:06"); n != all {
		t.Errorf("%d of %d rows in the second around", n, all)
	}
	if n := count("--since", "2026-01-02T03:05:00Z"); n != 0 {
		t.Errorf("%d rows a minute later", n)
	}
	if n := count("--around", "2026-01-02T03:04:05.020Z±10ms"); n == 0 || n >= all {
		t.Errorf("%d of %d rows around 20 ms", n, all)
	}
}

func TestToday(t *testing.T) {
	day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	a := &app{now: func() time.Time { return day }}
	if !a.today().Equal(day) || (&app{}).today().Before(day.AddDate(-1, 0, 0)) {
		t.Error("today")
	}
}
