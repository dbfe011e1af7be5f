package report

import (
	"encoding/json"
	"io"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/respsniff/respsniff/analysis"
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

// WriteSARIF writes the findings as results of one run. Frames have no lines or columns: they stand in the messages.
func WriteSARIF(w io.Writer, d *Document, o Options) error {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "respsniff", Version: Printable(d.Tool.Version), URI: ProjectURL, Rules: []sarifRule{}}},
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
	for i := range d.Findings {
		f := &d.Findings[i]
		at, known := rules[f.Rule]
		if !known {
			at = len(run.Tool.Driver.Rules)
			rules[f.Rule] = at
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, newSARIFRule(f, o))
		}
		run.Results = append(run.Results, newSARIFResult(f, at, d))
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

func newSARIFRule(f *analysis.Finding, o Options) sarifRule {
	r := sarifRule{
		ID: Printable(f.Rule), Name: Printable(f.Name), Short: sarifText{Printable(f.Name)},
		Config: sarifConfig{sarifLevel(f.Severity)},
	}
	if o.Page != nil {
		if page := printableLines(o.Page(f.Rule)); page != "" {
			r.Help = &sarifHelp{Text: page, Markdown: page}
		}
	}
	return r
}

func newSARIFResult(f *analysis.Finding, rule int, d *Document) sarifResult {
	r := sarifResult{
		RuleID: Printable(f.Rule), RuleIndex: rule, Level: sarifLevel(f.Severity), Rank: f.Confidence.Number() * 100,
		Message: sarifText{plainFinding(f)},
		Properties: map[string]any{
			"severity": f.Severity.String(), "confidence": f.Confidence.String(), "count": f.Count, "connections": f.Connections,
			"client": addrText(f.Client), "server": addrPortText(f.Server),
		},
	}
	if f.Fingerprint != "" {
		r.Fingerprints = map[string]string{"respsniff/v2": Printable(f.Fingerprint)}
	}
	files := map[string]bool{}
	for i := range f.Examples {
		if file := f.Examples[i].File; file != "" && !files[file] {
			files[file] = true
			r.Locations = append(r.Locations, sarifLocation{
				Physical: sarifPhysical{sarifArtifactLocation{fileURI(file)}},
				Message:  &sarifText{"frames " + framesText(f.Examples[i].Frames)},
			})
		}
	}
	if len(r.Locations) == 0 && len(d.Input) > 0 {
		r.Locations = []sarifLocation{{Physical: sarifPhysical{sarifArtifactLocation{fileURI(d.Input[0].File)}}}}
	}
	return r
}

func sarifLevel(s analysis.Severity) string {
	switch {
	case s >= analysis.High:
		return "error"
	case s == analysis.Medium:
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
