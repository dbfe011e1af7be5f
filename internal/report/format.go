package report

import (
	"fmt"
	"slices"
	"strings"
)

// Format is a way to write a Document.
type Format string

// The formats. Their words are those of the -o flag.
const (
	Text     Format = "text"
	JSON     Format = "json"
	NDJSON   Format = "ndjson"
	JUnit    Format = "junit"
	GitHub   Format = "github"
	Markdown Format = "markdown"
	HTML     Format = "html"
	SARIF    Format = "sarif"
	CSV      Format = "csv"
)

// Formats lists all formats in the order of the documentation.
var Formats = []Format{Text, JSON, NDJSON, JUnit, GitHub, Markdown, HTML, SARIF, CSV}

// ParseFormat reads a word of -o.
func ParseFormat(word string) (Format, error) {
	if f := Format(word); slices.Contains(Formats, f) {
		return f, nil
	}
	names := make([]string, len(Formats))
	for i, f := range Formats {
		names[i] = string(f)
	}
	return "", fmt.Errorf("unknown format %q: want one of %s", Printable(word), strings.Join(names, ", "))
}

// Options steer the writers; the zero value is good.
type Options struct {
	Color       bool
	Clock       Clock
	Width       int  // of text, in characters; 0: 100
	Incident    int  // text shows only the incident of this number, with its evidence; 0: all
	All         bool // text shows all incidents and connections
	Verbose     bool // text shows the evidence of each finding
	MaxFindings int  // how many findings people are shown; 20
	MaxExamples int  // how many examples of each finding text shows; 2
	Gate        Gate // what makes a run fail, for the formats that CI reads
	// Page gives a rule's page in Markdown, for the formats that carry help texts; nil without.
	Page func(rule string) string
}

// Most is how many findings and incidents people are shown.
func (o *Options) Most() int {
	if o.MaxFindings > 0 {
		return o.MaxFindings
	}
	return 20
}

func (o *Options) maxExamples() int {
	if o.MaxExamples > 0 {
		return o.MaxExamples
	}
	return 2
}
