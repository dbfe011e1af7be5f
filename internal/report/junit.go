package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// The JUnit form that Jenkins, GitLab and others read: one suite, one case a finding, and one for the input.

type junitSuites struct {
	XMLName  xml.Name   `xml:"testsuites"`
	Name     string     `xml:"name,attr"`
	Tests    int        `xml:"tests,attr"`
	Failures int        `xml:"failures,attr"`
	Errors   int        `xml:"errors,attr"`
	Suite    junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Stamp    string      `xml:"timestamp,attr,omitempty"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitProblem `xml:"failure,omitempty"`
	Error   *junitProblem `xml:"error,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes a test report: a finding that makes the run fail is a failed case, another one a passed case with
// its text, and input that was not read whole an error.
func WriteJUnit(w io.Writer, d *Document, o Options) error {
	suite := junitSuite{Name: "respsniff"}
	if d.Summary.First != 0 {
		suite.Stamp = d.Summary.First.Std().Format("2006-01-02T15:04:05")
	}
	input := junitCase{Class: "respsniff", Name: "the captures were read whole"}
	if !d.Complete {
		input.Error = &junitProblem{Type: "incomplete", Message: "the input was not read whole", Text: strings.Join(incompleteReasons(d), "\n")}
		suite.Errors++
	}
	suite.Cases = append(suite.Cases, input)
	failed := false
	for i := range d.Findings {
		f := &d.Findings[i]
		c := junitCase{Class: "respsniff." + Printable(f.Rule), Name: Printable(fmt.Sprintf("%s %s [%s]", f.Rule, f.Name, f.Fingerprint))}
		text := plainFinding(f)
		if o.fails(f) {
			c.Failure = &junitProblem{Type: f.Severity.String(), Message: Printable(f.Title), Text: text}
			suite.Failures++
			failed = true
		} else {
			c.Out = text
		}
		suite.Cases = append(suite.Cases, c)
	}
	if !failed {
		suite.Cases = append(suite.Cases, junitCase{Class: "respsniff", Name: "no finding makes the run fail"})
	}
	suite.Tests = len(suite.Cases)
	doc := junitSuites{Name: "respsniff", Tests: suite.Tests, Failures: suite.Failures, Errors: suite.Errors, Suite: suite}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func incompleteReasons(d *Document) []string {
	var why []string
	for i := range d.Input {
		if in := &d.Input[i]; in.Error != "" {
			why = append(why, Printable(in.Error))
		}
	}
	why = append(why, printables(d.Quality.LimitsReached)...)
	return append(why, printables(d.Warnings)...)
}

// plainFinding is the evidence of a finding in a few plain lines, for formats that carry text.
func plainFinding(f *incident.Finding) string {
	t := textWriter{}
	lines := []string{Printable(f.Title) + ".", fmt.Sprintf("Severity %s, confidence %s.", f.Severity, orDash(f.Confidence.String())), "Who: " + t.who(f)}
	if when := t.when(f); when != "" {
		lines = append(lines, "When: "+when)
	}
	for i := range f.Examples {
		e := &f.Examples[i]
		lines = append(lines, fmt.Sprintf("Example: %s, frames %s of %s.", examplePlace(e), framesText(e.Frames), orDash(Printable(e.File))))
		lines = append(lines, printables(e.Facts)...)
		if e.Filter != "" {
			lines = append(lines, TsharkLine(e.File, e.Filter))
		}
	}
	lines = append(lines, printables(f.Notes)...)
	if f.Remedy != "" {
		lines = append(lines, "What to do: "+Printable(f.Remedy))
	}
	return strings.Join(lines, "\n")
}
