package formats

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// The SARIF 2.1.0 form (OASIS), as far as code scanning services read it.

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool        sarifTool         `json:"tool"`
	Invocations []sarifInvocation `json:"invocations"`
	Artifacts   []sarifArtifact   `json:"artifacts,omitempty"`
	Results     []sarifResult     `json:"results"`
	ColumnKind  string            `json:"columnKind"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version,omitempty"`
	URI     string      `json:"informationUri"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID     string      `json:"id"`
	Name   string      `json:"name"`
	Short  sarifText   `json:"shortDescription"`
	URI    string      `json:"helpUri"`
	Help   *sarifHelp  `json:"help,omitempty"`
	Config sarifConfig `json:"defaultConfiguration"`
}

type sarifHelp struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown"`
}

type sarifConfig struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifInvocation struct {
	Success       bool                `json:"executionSuccessful"`
	Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
}

type sarifNotification struct {
	Level   string    `json:"level"`
	Message sarifText `json:"message"`
}

type sarifArtifact struct {
	Location sarifArtifactLocation `json:"location"`
}

type sarifArtifactLocation struct {
	URI string `json:"uri"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        string            `json:"level"`
	Rank         float64           `json:"rank"` // the confidence, 0 to 100
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations,omitempty"`
	Fingerprints map[string]string `json:"partialFingerprints,omitempty"`
	Properties   map[string]any    `json:"properties"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
	Message  *sarifText    `json:"message,omitempty"`
}

type sarifPhysical struct {
	Artifact sarifArtifactLocation `json:"artifactLocation"`
}

// ProjectURL is where the formats send readers for more.
const ProjectURL = "https://github.com/respsniff/respsniff"

// writeSARIF writes the incidents as results of one run, and what is found about the capture itself. Frames have no lines or columns: they stand in the messages.
func writeSARIF(w io.Writer, d *report.Document, o report.Options) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "respsniff", Version: report.Printable(d.Tool.Version), URI: ProjectURL, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{Success: d.Complete}},
		Results:     []sarifResult{},
		ColumnKind:  "utf16CodeUnits",
	}
	for _, reason := range incompleteReasons(d) {
		run.Invocations[0].Notifications = append(run.Invocations[0].Notifications, sarifNotification{"warning", sarifText{reason}})
	}
	for i := range d.Input {
		run.Artifacts = append(run.Artifacts, sarifArtifact{sarifArtifactLocation{fileURI(d.Input[i].File)}})
	}
	rules := map[string]int{}
	at := func(f *incident.Finding) int {
		n, known := rules[f.Rule]
		if !known {
			n = len(run.Tool.Driver.Rules)
			rules[f.Rule] = n
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(f, o))
		}
		return n
	}
	for i := range d.Incidents {
		in := &d.Incidents[i]
		if f := mainFinding(d, in); f != nil {
			run.Results = append(run.Results, newSARIFIncident(in, f, at(f), d, o))
		}
	}
	quality, _ := d.Split()
	for _, f := range quality {
		run.Results = append(run.Results, newSARIFResult(f, at(f), d))
	}
	b, err := json.MarshalIndent(sarifLog{
		Schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", Version: "2.1.0",
		Runs: []sarifRun{run},
	}, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func newSARIFRule(f *incident.Finding, o report.Options) sarifRule {
	r := sarifRule{
		ID: report.Printable(f.Rule), Name: report.Printable(f.Name), Short: sarifText{report.Printable(f.Name)},
		Config: sarifConfig{sarifLevel(f.Severity)}, URI: helpURI(f),
	}
	if o.Page != nil {
		if page := report.PrintableLines(o.Page(f.Rule)); page != "" {
			r.Help = &sarifHelp{Text: page, Markdown: page}
		}
	}
	return r
}

// helpURI is where the page of a rule stands.
func helpURI(f *incident.Finding) string {
	name := strings.ToLower(f.Rule) + "_" + strings.ReplaceAll(f.Name, "-", "_") + ".md"
	return ProjectURL + "/blob/main/analysis/detectors/" + url.PathEscape(report.Printable(name))
}

// newSARIFIncident is the result of an incident, under its worst rule.
func newSARIFIncident(in *incident.Incident, f *incident.Finding, rule int, d *report.Document, o report.Options) sarifResult {
	var findings []string
	for _, x := range d.FindingsOf(in) {
		findings = append(findings, report.Printable(x.Fingerprint))
	}
	level := sarifLevel(in.Severity)
	if o.Gate.Fails(in.Severity) {
		level = "error"
	}
	r := sarifResult{
		RuleID: report.Printable(f.Rule), RuleIndex: rule, Level: level, Rank: in.Confidence.Number() * 100,
		Message: sarifText{plainIncident(d, in)},
		Properties: map[string]any{
			"incident": in.ID, "verdict": in.Class.String(), "severity": in.Severity.String(), "confidence": in.Confidence.String(), "calls": in.Damage.Calls,
			"connections": in.Damage.Connections, "clients": in.Damage.Clients, "rules": strings.Fields(rulesOf(in)), "findings": findings,
		},
		Fingerprints: map[string]string{"respsniff/incident/v1": report.Printable(in.Fingerprint)},
	}
	files := map[string]bool{}
	locate := func(file, text string) {
		if file != "" && !files[file] {
			files[file] = true
			r.Locations = append(r.Locations, sarifLocation{Physical: sarifPhysical{sarifArtifactLocation{fileURI(file)}}, Message: &sarifText{text}})
		}
	}
	locate(in.Story.File, report.StoryPlace(in))
	for _, x := range d.FindingsOf(in) {
		for i := range x.Examples {
			locate(x.Examples[i].File, "frames "+report.FramesText(x.Examples[i].Frames))
		}
	}
	if len(r.Locations) == 0 && len(d.Input) > 0 {
		r.Locations = []sarifLocation{{Physical: sarifPhysical{sarifArtifactLocation{fileURI(d.Input[0].File)}}}}
	}
	return r
}

func newSARIFResult(f *incident.Finding, rule int, d *report.Document) sarifResult {
	r := sarifResult{
		RuleID: report.Printable(f.Rule), RuleIndex: rule, Level: sarifLevel(f.Severity), Rank: f.Confidence.Number() * 100,
		Message: sarifText{plainFinding(f)},
		Properties: map[string]any{
			"severity": f.Severity.String(), "confidence": f.Confidence.String(), "count": f.Count, "connections": f.Connections,
			"client": report.AddrText(f.Client), "server": report.AddrPortText(f.Server),
		},
	}
	if f.Fingerprint != "" {
		r.Fingerprints = map[string]string{"respsniff/v2": report.Printable(f.Fingerprint)}
	}
	files := map[string]bool{}
	for i := range f.Examples {
		if file := f.Examples[i].File; file != "" && !files[file] {
			files[file] = true
			r.Locations = append(r.Locations, sarifLocation{
				Physical: sarifPhysical{sarifArtifactLocation{fileURI(file)}},
				Message:  &sarifText{"frames " + report.FramesText(f.Examples[i].Frames)},
			})
		}
	}
	if len(r.Locations) == 0 && len(d.Input) > 0 {
		r.Locations = []sarifLocation{{Physical: sarifPhysical{sarifArtifactLocation{fileURI(d.Input[0].File)}}}}
	}
	return r
}

func sarifLevel(s incident.Severity) string {
	switch {
	case s >= incident.High:
		return "error"
	case s == incident.Medium:
		return "warning"
	}
	return "note"
}

// fileURI makes a relative or absolute URI reference of a file name (RFC 3986).
func fileURI(name string) string {
	parts := strings.Split(filepath.ToSlash(name), "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	uri := strings.Join(parts, "/")
	if strings.HasPrefix(uri, "/") {
		return "file://" + uri
	}
	if strings.Contains(parts[0], ":") {
		return "./" + uri // or its first part would be a scheme
	}
	return uri
}
