package report

import (
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// found is a document with one finding, and its incident.
func found(rule string, severity incident.Severity) *Document {
	d := &Document{Complete: true, Summary: Summary{Packets: 9, Connections: 2, Redis: 2, Commands: 7}, Findings: []incident.Finding{
		{Rule: rule, Name: "name", Title: "it happened", Fingerprint: "a", Severity: severity, Confidence: pairing.Strong, Count: 1},
	}}
	d.Incidents = incident.Join(d.Findings, nil)
	return d
}

// quiet is a document of a run that found nothing, changed.
func quiet(change func(d *Document)) *Document {
	d := &Document{Complete: true, Summary: Summary{Packets: 9, Connections: 2, Redis: 2, Commands: 7}}
	change(d)
	return d
}

// TestVerdicts goes through the table of docs/verdicts.md with the exit codes.
func TestVerdicts(t *testing.T) {
	empty := func(change func(d *Document)) *Document {
		return quiet(func(d *Document) {
			d.Summary.Redis, d.Summary.Commands = 0, 0
			change(d)
		})
	}
	doubtful := func(d *Document) { d.Doubts = []Doubt{{"most connections began before the capture", "--policy"}} }
	for _, tc := range []struct {
		name string
		d    *Document
		gate Gate
		word Word
		exit int
		says string
	}{
		{"desync", found("RS101", incident.Critical), Gate{}, WordDesync, 1, "it happened; critical, strong."},
		{"connection fault", found("RS201", incident.High), Gate{}, WordConnection, 1, ""},
		{"topology fault", found("RS301", incident.High), Gate{}, WordTopology, 1, ""},
		{"server fault", found("RS404", incident.High), Gate{}, WordServer, 1, ""},
		{"below the gate", found("RS401", incident.Medium), Gate{}, WordServer, 0, "nothing as bad as --fail-on high"},
		{"at a lower gate", found("RS401", incident.Medium), Gate{Level: incident.Medium}, WordServer, 1, ""},
		{"no gate", found("RS101", incident.Critical), Gate{Never: true}, WordDesync, 0, ""},
		{"fault in an incomplete run", func() *Document { d := found("RS101", incident.High); d.Complete = false; return d }(), Gate{}, WordDesync, 1, "not read whole"},
		{"fault beside a doubt", func() *Document { d := found("RS101", incident.High); doubtful(d); return d }(), Gate{Strict: true}, WordDesync, 1, ""},
		{"clean", quiet(func(*Document) {}), Gate{Strict: true}, WordClean, 0, "no fault found in 7 commands on 2 Redis connections."},
		{"harmless", found("RS109", incident.Low), Gate{}, WordClean, 0, "no harm found"},
		{"harmless, at a low gate", found("RS109", incident.Low), Gate{Level: incident.Low}, WordConnection, 1, ""},
		{"known", quiet(func(d *Document) { d.Suppressed = make([]Suppressed, 3) }), Gate{}, WordKnown, 0, "3 findings that the baseline accepts"},
		{"undecided", quiet(doubtful), Gate{}, WordUndecided, 0, "most connections began before the capture"},
		{"undecided, strict", quiet(doubtful), Gate{Strict: true}, WordUndecided, 2, ""},
		{"undecided beside a lesser fault", func() *Document { d := found("RS401", incident.Medium); doubtful(d); return d }(), Gate{}, WordUndecided, 0, "nothing worse than medium"},
		{"lossy", quiet(func(d *Document) {
			d.Findings = []incident.Finding{{Rule: "RS901", Severity: incident.Low, Title: "1 packet is missing"}}
		}), Gate{}, WordUndecided, 0, "hides part of the traffic"},
		{"lossy, at a low gate", quiet(func(d *Document) {
			d.Findings = []incident.Finding{{Rule: "RS901", Severity: incident.Low, Title: "1 packet is missing"}}
		}), Gate{Level: incident.Low}, WordUndecided, 1, ""},
		{"incomplete", quiet(func(d *Document) { d.Complete = false }), Gate{}, WordUndecided, 2, "not read whole"},
		{"incomplete, allowed", quiet(func(d *Document) { d.Complete = false }), Gate{AllowIncomplete: true}, WordUndecided, 0, ""},
		{"nothing read", &Document{Complete: true}, Gate{}, WordNothingRead, 2, ""},
		{"nothing read, allowed", &Document{Complete: true}, Gate{AllowEmpty: true}, WordNothingRead, 0, ""},
		{"nothing readable", &Document{}, Gate{AllowEmpty: true}, WordNothingRead, 2, ""},
		{"nothing readable, allowed", &Document{}, Gate{AllowIncomplete: true}, WordNothingRead, 0, ""},
		{"no Redis", empty(func(*Document) {}), Gate{}, WordNoRedis, 2, "--port"},
		{"unknown link", empty(func(d *Document) {
			d.Summary.Connections, d.Quality.Undecodable, d.Input = 0, 9, []Input{{LinkTypes: []string{"NFLOG"}}}
		}), Gate{}, WordNoRedis, 2, "link type NFLOG"},
		{"unknown tunnel", empty(func(d *Document) { d.Summary.Connections, d.Quality.NotTCP = 0, 9 }), Gate{}, WordNoRedis, 2, "tunnel"},
		{"encrypted", empty(func(d *Document) { d.Quality.Encrypted = 2 }), Gate{}, WordEncrypted, 2, "TLS"},
		{"nothing matched", empty(func(d *Document) {
			d.Summary.Filtered = &Filtered{By: []string{"--client 10.9.9.9"}, Connections: 2, Commands: 7}
		}), Gate{}, WordNothingMatched, 2, "--client 10.9.9.9 chooses"},
		{"no command matched", quiet(func(d *Document) {
			d.Summary.Unmatched, d.Summary.Filtered = true, &Filtered{By: []string{"--key x", "--cmd y"}}
		}), Gate{}, WordNothingMatched, 2, "choose."},
	} {
		v := tc.d.Judge(tc.gate)
		if v.Word != tc.word || v.Exit != tc.exit || !strings.Contains(v.Sentence, tc.says) {
			t.Errorf("%s: %s (exit %d): %s\nwant %s (exit %d) that says %q", tc.name, v.Word, v.Exit, v.Sentence, tc.word, tc.exit, tc.says)
		}
	}
}

// TestClassOfAnIncident: whoever waits for a server is not to blame, but a desync stays one.
func TestClassOfAnIncident(t *testing.T) {
	caused := func(effect string, severity incident.Severity, cause string, causeSeverity incident.Severity) *Document {
		d := &Document{Complete: true, Summary: Summary{Packets: 1, Commands: 1}, Findings: []incident.Finding{
			{Rule: effect, Title: effect, Fingerprint: "effect", Severity: severity, Confidence: pairing.Strong, Causes: []string{"cause"}},
			{Rule: cause, Title: cause, Fingerprint: "cause", Severity: causeSeverity, Confidence: pairing.Strong},
		}}
		d.Incidents = incident.Join(d.Findings, nil)
		return d
	}
	for want, d := range map[string]*Document{
		"SERVER FAULT: RS210":     caused("RS210", incident.Medium, "RS401", incident.Medium),
		"CONNECTION FAULT: RS208": caused("RS208", incident.High, "RS401", incident.Medium),
		"DESYNC: RS101":           caused("RS101", incident.Medium, "RS401", incident.Medium),
	} {
		if v := d.Current(); !strings.HasPrefix(string(v.Word)+": "+v.Sentence, want) || len(d.Incidents) != 1 {
			t.Errorf("%s: %s, %d incidents, want %s", v.Word, v.Sentence, len(d.Incidents), want)
		}
	}
}
