package live

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// maxEarlyFacts bounds the facts that text shows of an early finding; the report at the end has all.
const maxEarlyFacts = 4

// early reports a finding as soon as it stands.
func (l *run) early(f *incident.Finding) {
	doc := report.Document{Findings: []incident.Finding{*f}}
	masked := &doc.Findings[0]
	masked.Examples = slices.Clone(f.Examples)
	l.o.Mask.Document(&doc)
	again := l.reported[f.Fingerprint]
	if !again && l.limits.reported.Admits(len(l.reported)) {
		l.reported[f.Fingerprint] = true
	}
	l.outputs.send(report.NDJSON, func(*output) []byte { return ndjsonFinding(masked) })
	l.outputs.send(report.Text, func(out *output) []byte {
		clock := out.clock(l.pace.began)
		return textFinding(clock, clock.Finding(*masked), again)
	})
}

// textFinding gives the lines of a finding. One that was reported before has no facts.
func textFinding(clock report.Clock, f incident.Finding, again bool) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s  %s (%s)  %s %s  %s -> %s%s\n    %s\n", moment(clock, f.Last), strings.ToUpper(f.Severity.String()),
		f.Confidence, f.Rule, f.Name, addrWord(f.Client.IsValid(), f.Client), addrWord(f.Server.IsValid(), f.Server),
		inBrackets(report.Printable(f.Library)), report.Printable(f.Title))
	if len(f.Examples) == 0 || again {
		return b.Bytes()
	}
	e := &f.Examples[0]
	for _, fact := range e.Facts[:min(len(e.Facts), maxEarlyFacts)] {
		fmt.Fprintf(&b, "    - %s\n", report.Printable(fact))
	}
	if e.Filter != "" {
		fmt.Fprintf(&b, "    %s\n", report.Printable(e.Filter))
	}
	return b.Bytes()
}

// moment gives a moment with its zone.
func moment(c report.Clock, t capture.Time) string {
	return strings.TrimSpace(c.Full(t, c.Start) + " " + c.ZoneName(t))
}

func addrWord(valid bool, a fmt.Stringer) string {
	if !valid {
		return "any"
	}
	return a.String()
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// ndjsonFinding gives the line of a finding.
func ndjsonFinding(f *incident.Finding) []byte {
	line, err := json.Marshal(report.FindingJSON{Finding: f})
	if err != nil {
		return nil // a finding has nothing that cannot be written
	}
	return append(line, '\n')
}

// figures writes the line of figures.
func (l *run) figures() {
	at := &l.pace
	span := at.now.Sub(at.shown)
	packets := l.input.Packets - at.shownAt
	at.shown, at.shownAt = at.now, l.input.Packets
	if len(l.outputs.growing) == 0 {
		return
	}
	d := l.document()
	l.o.Mask.Document(d)
	open := l.analysis.Summary().Connections - l.ended
	l.outputs.send(report.NDJSON, func(*output) []byte {
		var b bytes.Buffer
		if err := report.WriteNDJSON(&b, d); err != nil {
			return nil
		}
		return bytes.Replace(b.Bytes(), []byte(`{"type":"summary"`), []byte(`{"type":"interval"`), 1)
	})
	l.outputs.send(report.Text, func(out *output) []byte {
		return fmt.Appendf(nil, "%s  %d packets (%.0f/s), %d dropped; %d connections, %d open; %d commands, %d outstanding\n",
			moment(out.clock(at.began), at.now), d.Summary.Packets, float64(packets)/max(span.Seconds(), 1e-3), d.Quality.KernelDrops,
			d.Summary.Connections, open, d.Summary.Commands, l.analysis.Outstanding())
	})
}

// evidenceLine names the file that has the packets of a finding.
type evidenceLine struct {
	Type        string `json:"type"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	File        string `json:"file"`
}

// evidence reports that the packets of a finding are in a file. It is called from the goroutine that wrote it.
func (l *run) evidence(file string, f *incident.Finding) {
	l.outputs.send(report.NDJSON, func(*output) []byte {
		line, err := json.Marshal(evidenceLine{"evidence", report.Printable(f.Rule), report.Printable(f.Fingerprint), report.Printable(file)})
		if err != nil {
			return nil
		}
		return append(line, '\n')
	})
	l.outputs.send(report.Text, func(out *output) []byte {
		return fmt.Appendf(nil, "%s  evidence of %s %s: %s\n", moment(out.Options.Clock, capture.TimeOf(time.Now())), f.Rule, f.Name, report.Printable(file))
	})
}

// end writes the whole report and returns it.
func (l *run) end() (*report.Document, error) {
	if l.keeper != nil {
		l.keeper.close()
	}
	d := l.document()
	d.Findings = l.findings
	d.Quality.Weakened = slices.ContainsFunc(d.Findings, func(f incident.Finding) bool { return f.Weakened })
	report.Rank(d.Findings)
	d.Incidents = l.analysis.Incidents(d.Findings)
	l.measure()
	l.o.Mask.Document(d)
	d.Judge(l.o.Gate)
	return d, l.outputs.end(d)
}
