package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
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
	MaxFindings int // how many findings people are shown; 20
	MaxExamples int // how many examples of each finding text shows; 2
	// Fails says which findings make a run fail, for the formats that CI reads; nil: high and critical ones.
	Fails func(*incident.Finding) bool
	// Page gives a rule's page in Markdown, for the formats that carry help texts; nil without.
	Page func(rule string) string
}

func (o *Options) maxFindings() int {
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

func (o *Options) fails(f *incident.Finding) bool {
	if o.Fails != nil {
		return o.Fails(f)
	}
	return f.Severity >= incident.High
}

// Write writes d to w in one format.
func Write(w io.Writer, f Format, d *Document, o Options) error {
	switch f {
	case Text:
		return WriteText(w, d, o)
	case JSON:
		return WriteJSON(w, d)
	case NDJSON:
		return WriteNDJSON(w, d)
	case JUnit:
		return WriteJUnit(w, d, o)
	case GitHub:
		return WriteGitHub(w, d)
	case Markdown:
		return WriteMarkdown(w, d, o)
	case HTML:
		return WriteHTML(w, d, o)
	case SARIF:
		return WriteSARIF(w, d, o)
	case CSV:
		return WriteCSV(w, d)
	}
	return fmt.Errorf("format %s cannot be written", f)
}
