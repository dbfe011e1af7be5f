package gate

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"

	_ "github.com/respsniff/respsniff/internal/testcap"
)

// defines -update, which go test ./... passes to every package

func document() *report.Document {
	return &report.Document{Complete: true, Findings: []incident.Finding{
		{Rule: "RS901", Name: "capture-loss", Severity: incident.Info, Confidence: pairing.Proven, Fingerprint: "loss", Count: 3},
		{Rule: "RS101", Name: "dirty-reuse", Severity: incident.Critical, Confidence: pairing.Proven, Fingerprint: "a", Count: 10, Commands: []incident.Tally{{Label: "GET", Count: 7}, {Label: "SET", Count: 3}}},
		{Rule: "RS101", Name: "dirty-reuse", Severity: incident.High, Confidence: pairing.Strong, Fingerprint: "b", Count: 2},
		{Rule: "RS109", Name: "quit-misread", Severity: incident.Low, Confidence: pairing.Likely, Fingerprint: "c", Count: 1},
	}}
}

func TestCheck(t *testing.T) {
	onConn := func(conn int64) []string {
		if conn == 4 {
			return []string{"RS101"}
		}
		return nil
	}
	for _, tc := range []struct {
		name, yaml string
		missing    string // of the only one; "" for none
		unexpected string
	}{
		{"all", "want: [{rule: RS101, count: 12, confidence: proven}, {rule: RS109, min: 1, max: 1}]", "", ""},
		{"any number", "want: [{rule: RS101}]", "", ""},
		{"low ones need not be wanted", "want: [{rule: RS101, min: 2}]", "", ""},
		{"on a connection", "want: [{rule: RS101, conn: 4}]", "", ""},
		{"by command", "want: [{rule: RS101, command: get, count: 7}]", "", ""},
		{"not there", "want: [{rule: RS101}, {rule: RS302}]", "RS302 was not found", ""},
		{"too few", "want: [{rule: RS101, min: 13}]", "RS101 was found 12 times, want at least 13", ""},
		{"too many", "want: [{rule: RS101, max: 11}]", "RS101 was found 12 times, want at most 11", ""},
		{"none allowed", "want: [{rule: RS101}, {rule: RS302, max: 3}]", "", ""},
		{"changed count", "want: [{rule: RS101, count: 11}]", "RS101 was found 12 times, want 11", ""},
		{"not sure enough", "want: [{rule: RS101}, {rule: RS109, confidence: strong}]", "RS109 is only likely, want strong", ""},
		{"another connection", "want: [{rule: RS101, conn: 5}]", "RS101 was not found on connection 5", ""},
		{"another command", "want: [{rule: RS101, command: DEL}]", "RS101 with DEL was not found", ""},
		{"nothing wanted", "want: []", "", "RS101"},
		{"an empty file", "", "", "RS101"},
		{"forbidden", "want: [{rule: RS101}]\nforbid: [RS109]", "", "RS109"},
		{"by name", "want: [{rule: dirty-reuse, count: 12}]\nforbid: [Quit-Misread]", "", "RS109"},
		{"family in small letters", "want: [{rule: rs101}]\nforbid: [rs9]", "", "RS901"},
		{"forbidden family", "want: [{rule: RS101}]\nforbid: [RS9]", "", "RS901"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := ReadExpectation(strings.NewReader(tc.yaml))
			if err != nil {
				t.Fatal(err)
			}
			r := e.Check(document(), incident.High, onConn)
			if got := strings.Join(r.Missing, "; "); got != tc.missing {
				t.Errorf("missing %q, want %q", got, tc.missing)
			}
			if got := strings.Join(r.Unexpected, "; "); !strings.HasPrefix(got, tc.unexpected) || (got == "") != (tc.unexpected == "") {
				t.Errorf("unexpected %q, want %q", got, tc.unexpected)
			}
			if r.OK() != (tc.missing == "" && tc.unexpected == "") {
				t.Error("OK is wrong")
			}
		})
	}
}

func TestUnexpectedFromTheLevelOn(t *testing.T) {
	for level, want := range map[incident.Severity]int{incident.Info: 4, incident.Low: 3, incident.High: 2, incident.Critical: 1, incident.Critical + 1: 0} {
		if r := (&Expectation{}).Check(document(), level, nil); len(r.Unexpected) != want {
			t.Errorf("level %d: %v", level, r.Unexpected)
		}
	}
}

func TestExpectIsFulfilled(t *testing.T) {
	for _, d := range []*report.Document{document(), {}} {
		var b bytes.Buffer
		if err := Expect(d, incident.Low).Write(&b); err != nil {
			t.Fatal(err)
		}
		e, err := ReadExpectation(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, b.String())
		}
		if r := e.Check(d, incident.Low, nil); !r.OK() {
			t.Errorf("%+v\n%s", r, b.String())
		}
		if strings.Contains(b.String(), "RS9") {
			t.Errorf("RS9xx are wanted:\n%s", b.String())
		}
	}
}

// TestExpectHoldsForAnotherRecording: other counts and certainties of the same faults, and what is harmless gone.
func TestExpectHoldsForAnotherRecording(t *testing.T) {
	e := Expect(document(), incident.High)
	d := document()
	for i := range d.Findings {
		d.Findings[i].Count, d.Findings[i].Confidence = 1, pairing.Likely
	}
	d.Findings = slices.DeleteFunc(d.Findings, func(f incident.Finding) bool { return f.Severity < incident.Medium })
	if r := e.Check(d, incident.High, nil); !r.OK() {
		t.Errorf("%+v", r)
	}
	worst := slices.MaxFunc(d.Findings, func(a, b incident.Finding) int { return int(a.Severity) - int(b.Severity) }).Rule
	d.Findings = slices.DeleteFunc(d.Findings, func(f incident.Finding) bool { return f.Rule == worst })
	if r := e.Check(d, incident.High, nil); len(r.Missing) != 1 {
		t.Errorf("without %s: %+v", worst, r)
	}
	for i, f := range document().Findings {
		if f.Severity >= incident.Medium || incident.IsQuality(f.Rule) {
			continue
		}
		d := document()
		if d.Findings[i].Severity = incident.Critical; len(e.Check(d, incident.High, nil).Unexpected) != 1 {
			t.Errorf("%s, harmless before, is critical, and passes", f.Rule)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for _, text := range []string{
		"wants: []", "want: [{rule: RS101, cout: 3}]", "want: [{rule: dirty}]", "want: [{rule: RS101, count: 1, min: 1}]",
		"want: [{rule: RS101, count: 0}]", "want: [{rule: RS101, confidence: sure}]", "want: 3", "\x00", strings.Repeat("#", maxFile+1),
	} {
		if e, err := ReadExpectation(strings.NewReader(text)); err == nil {
			t.Errorf("%.60q was read as %+v", text, e)
		}
	}
	for _, text := range []string{
		"accepted: []", "accept: [{fingerprint: a}]", "accept: [{fingerprint: a, reason: r, until: 2027-01-01}]",
		"accept: [{fingerprint: a, reason: r, owner: o}]", "accept: [{fingerprint: a, reason: r, owner: o, until: soon}]",
		"accept: [{reason: r, owner: o, until: 2027-01-01}]",
	} {
		if b, err := ReadBaseline(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read as %+v", text, b)
		}
	}
}

func FuzzReadExpectation(f *testing.F) {
	f.Add("want: [{rule: RS101, count: 12}]\nforbid: [RS9]")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ReadExpectation(strings.NewReader(text))
		if err == nil {
			e.Check(document(), incident.High, func(int64) []string { return nil })
		}
	})
}

func TestBaseline(t *testing.T) {
	today := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
	b := NewBaseline(document(), false, nil, "known", "ops", today)
	var text bytes.Buffer
	if err := b.Write(&text); err != nil {
		t.Fatal(err)
	}
	b, err := ReadBaseline(&text)
	if err != nil {
		t.Fatal(err)
	}
	d := document()
	if warnings := b.Apply(d, false, today); len(warnings) != 0 || len(d.Findings) != 1 || len(d.Suppressed) != 3 || d.Findings[0].Rule != "RS901" {
		t.Errorf("on the last day: warnings %v, findings %d, suppressed %d", warnings, len(d.Findings), len(d.Suppressed))
	}
	d = document()
	if warnings := b.Apply(d, false, today.AddDate(0, 0, 1)); len(warnings) != 3 || len(d.Findings) != 4 || !strings.Contains(warnings[0], "expired on 2027-01-31") {
		t.Errorf("a day later: warnings %v, findings %d", warnings, len(d.Findings))
	}
	d = document()
	d.Findings = d.Findings[:2]
	if warnings := b.Apply(d, false, today); len(warnings) != 2 || !strings.Contains(warnings[0], "met no finding") {
		t.Errorf("unmatched: %v", warnings)
	}
	b.Accept[0].Reason = "it is the test client"
	again := NewBaseline(document(), false, b, "new", "dev", today)
	if again.Accept[0].Reason != "it is the test client" || len(again.Accept) != 3 {
		t.Errorf("written again: %+v", again.Accept)
	}
}

func TestCompare(t *testing.T) {
	before, after := document(), document()
	after.Findings[1].Count = 11
	after.Findings[3].Fingerprint = "d"
	diff := Compare(before, after)
	names := func(fs []*incident.Finding) (s []string) {
		for _, f := range fs {
			s = append(s, f.Fingerprint)
		}
		return s
	}
	if !cmp.Equal(names(diff.Gone), []string{"c"}) || !cmp.Equal(names(diff.New), []string{"d"}) || len(diff.Changed) != 1 || diff.Changed[0].After.Count != 11 || diff.Same != 2 {
		t.Errorf("%+v", diff)
	}
}

// leaksOf are findings as of two servers on one host.
func leaksOf(ports ...uint16) *report.Document {
	d := &report.Document{}
	for i, port := range ports {
		d.Findings = append(d.Findings, incident.Finding{
			Rule: "RS201", Name: "connection-leak", Severity: incident.High, Confidence: pairing.Strong, Title: "1 connection was lost",
			Client: netip.MustParseAddr("10.0.0.1"), Server: netip.AddrPortFrom(netip.MustParseAddr("10.0.0.2"), port),
			Fingerprint: fmt.Sprintf("RS201-of-port-%d", port), First: capture.Time(i + 1),
		})
	}
	return d
}

// TestBaselineOfOneServer: what is accepted of one server does not accept the same fault of another on its host.
func TestBaselineOfOneServer(t *testing.T) {
	today := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	b := NewBaseline(leaksOf(6379), false, nil, "known", "ops", today)
	if a := b.Accept[0]; a.Client != "10.0.0.1" || a.Server != "10.0.0.2:6379" || a.Rule != "RS201" {
		t.Errorf("entry %+v, want it to say rule, client and server", a)
	}
	d := leaksOf(6380)
	warnings := b.Apply(d, false, today)
	if len(d.Findings) != 1 || len(d.Suppressed) != 0 || len(warnings) != 1 || !strings.Contains(warnings[0], "met no finding") {
		t.Errorf("%d findings, suppressed %v, warnings %q", len(d.Findings), d.Suppressed, warnings)
	}
}

// TestBaselineWithoutPorts: entries from before fingerprints had the server's port accept what they did, with a warning.
func TestBaselineWithoutPorts(t *testing.T) {
	today := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	old := func() *Baseline {
		return &Baseline{Accept: []Accepted{{Fingerprint: "RS201-401dd92875ac", Rule: "RS201", Reason: "known", Owner: "ops", Until: "2027-02-28"}}}
	}
	d := leaksOf(6379, 6380)
	warnings := old().Apply(d, false, today)
	if len(d.Findings) != 1 || d.Findings[0].Server.Port() != 6380 {
		t.Errorf("left: %+v, want the second, which was RS201-401dd92875ac-2", d.Findings)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "from before fingerprints contained the server's port") || !strings.Contains(warnings[0], "10.0.0.2:6379") {
		t.Errorf("warnings %q", warnings)
	}
	anew := NewBaseline(leaksOf(6379), false, old(), "new", "me", today)
	if len(anew.Accept) != 1 || anew.Accept[0].Fingerprint != "RS201-of-port-6379" || anew.Accept[0].Reason != "known" || anew.Accept[0].Server != "10.0.0.2:6379" {
		t.Errorf("written anew: %+v", anew.Accept)
	}
	d = leaksOf(6379)
	if w := anew.Apply(d, false, today); len(w) != 0 || len(d.Findings) != 0 {
		t.Errorf("applied: %d findings, warnings %q", len(d.Findings), w)
	}
}

// TestBaselineOfBothForms: where an entry has a finding's fingerprint of today, one from before it had the server's port does not
// take its place, wherever it stands in the file.
func TestBaselineOfBothForms(t *testing.T) {
	today := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	old := Accepted{Fingerprint: "RS201-401dd92875ac", Reason: "old", Owner: "ops", Until: "2027-02-28"}
	now := Accepted{Fingerprint: "RS201-of-port-6379", Reason: "new", Owner: "ops", Until: "2027-02-28"}
	for _, b := range []Baseline{{Accept: []Accepted{old, now}}, {Accept: []Accepted{now, old}}} {
		d := leaksOf(6379)
		warnings := b.Apply(d, false, today)
		if len(d.Suppressed) != 1 || d.Suppressed[0].Reason != "new" || len(warnings) != 1 || !strings.Contains(warnings[0], "met no finding") {
			t.Errorf("suppressed %+v, warnings %q", d.Suppressed, warnings)
		}
	}
}

func TestOnly(t *testing.T) {
	e, err := ReadExpectation(strings.NewReader("want: [{rule: off-by-k}, {rule: RS101}]\nforbid: [RS9]"))
	if err != nil {
		t.Fatal(err)
	}
	part, left := e.Only(func(rule string) bool { return rule == "RS101" })
	if left != 1 || len(part.Want) != 1 || part.Want[0].Rule != "RS101" || len(e.Want) != 2 {
		t.Errorf("%+v, %d left out", part, left)
	}
}

func TestUnknownRulesAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		"want: [{rule: RS101}, {rule: dirty-resue}]": "want 2: there is no rule \"dirty-resue\": did you mean RS101 dirty-reuse?",
		"forbid: [RS1, RS77]":                        "forbid 2: there is no rule \"RS77\"",
	} {
		if _, err := ReadExpectation(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBaselineNamesRules(t *testing.T) {
	b, err := ReadBaseline(strings.NewReader("accept: [{fingerprint: x, rule: dirty-reuse, reason: r, owner: o, until: 2099-01-01}]"))
	if err != nil || b.Accept[0].Rule != "RS101" {
		t.Errorf("%+v, %v", b, err)
	}
}
