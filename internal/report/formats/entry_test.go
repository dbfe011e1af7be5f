package formats

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
)

// many is a document with n incidents.
func many(t *testing.T, n int) *report.Document {
	t.Helper()
	d := sample(t)
	d.Findings = nil
	for i := range n {
		d.Findings = append(d.Findings, incident.Finding{
			Rule: fmt.Sprintf("RS1%02d", 18+i%80), Name: "n", Title: "t", Fingerprint: fmt.Sprint(i), Severity: incident.High, Confidence: pairing.Strong,
			Client: sample(t).Findings[1].Client, Library: fmt.Sprint("lib", i), Count: 1,
		})
	}
	d.Incidents = incident.Join(d.Findings, nil)
	return d
}

// TestEntriesAreIncidents: formats for CI have one entry an incident, a hundred annotations at most, with the sum said.
func TestEntriesAreIncidents(t *testing.T) {
	d := many(t, 150)
	for format, want := range map[report.Format]struct {
		mark string
		n    int
		says string
	}{
		report.GitHub:   {"\n::error ", 100, "150 incidents in all; 50 are not shown here."},
		report.JUnit:    {"<failure ", 150, ""},
		report.SARIF:    {`"ruleId":`, 150, `"helpUri": "https://github.com/respsniff/respsniff/blob/main/analysis/detectors/rs118_n.md"`},
		report.CSV:      {",desync,high,", 150, ""},
		report.Markdown: {"\n## ", 20, "130 incidents are not shown in full."},
		report.Text:     {"\nWhat happened on ", 0, "more: --all"},
	} {
		var b strings.Builder
		if err := Write(&b, format, d, report.Options{}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(b.String(), want.mark); n != want.n || !strings.Contains(b.String(), want.says) {
			t.Errorf("%s: %d times %q, want %d; and %q", format, n, want.mark, want.n, want.says)
		}
	}
}

// TestStoriesInPages checks the two formats that people read besides the text.
func TestStoriesInPages(t *testing.T) {
	for format, wants := range map[report.Format][]string{
		report.HTML:     {`"place":"What happened on connection 412, `, `"meant":"#3 +PONG","got":"#2 nil"`, `"remedy":["`},
		report.Markdown: {"What happened on connection 412, ", " | \\#3 +PONG | \\#2 nil |\n", "<details><summary>2 findings</summary>"},
	} {
		var out bytes.Buffer
		if err := Write(&out, format, sample(t), report.Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", format, want, out.String())
			}
		}
	}
}
