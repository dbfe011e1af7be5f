package formats

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// The JUnit form that Jenkins, GitLab and others read: one suite, one case an incident, and one for the input.

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

// writeJUnit writes a test report: an incident that makes the run fail is a failed case, another one a passed case with
// its text, and input that cannot be trusted an error.
func writeJUnit(w io.Writer, d *report.Document, o report.Options) error {
	suite := junitSuite{Name: "respsniff"}
	if d.Summary.First != 0 {
		suite.Stamp = d.Summary.First.Std().Format("2006-01-02T15:04:05")
	}
	v := d.Current()
	input := junitCase{Class: "respsniff", Name: "the captures were read whole", Out: report.Printable(string(v.Word) + ": " + v.Sentence)}
	if reasons := incompleteReasons(d); !d.Complete || v.Exit == 2 {
		input.Error = &junitProblem{Type: strings.ToLower(string(v.Word)), Message: report.Printable(v.Sentence), Text: strings.Join(reasons, "\n")}
		suite.Errors++
	}
	suite.Cases = append(suite.Cases, input)
	fail := func(c junitCase, s incident.Severity, title, text string) {
		if o.Gate.Fails(s) {
			c.Failure = &junitProblem{Type: s.String(), Message: report.Printable(title), Text: text}
			suite.Failures++
		} else {
			c.Out = text
		}
		suite.Cases = append(suite.Cases, c)
	}
	quality, _ := d.Split()
	for _, f := range quality {
		c := junitCase{Class: "respsniff." + report.Printable(f.Rule), Name: report.Printable(fmt.Sprintf("%s %s [%s]", f.Rule, f.Name, f.Fingerprint))}
		fail(c, f.Severity, f.Title, plainFinding(f))
	}
	for i := range d.Incidents {
		in := &d.Incidents[i]
		c := junitCase{Class: "respsniff." + strings.ReplaceAll(in.Class.String(), " ", "-"), Name: report.Printable(fmt.Sprintf("%s: %s [%s]", in.Class, rulesOf(in), in.Fingerprint))}
		fail(c, in.Severity, in.Title, plainIncident(d, in))
	}
	if suite.Failures == 0 {
		suite.Cases = append(suite.Cases, junitCase{Class: "respsniff", Name: "no incident makes the run fail"})
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

func incompleteReasons(d *report.Document) []string {
	var why []string
	for i := range d.Input {
		if in := &d.Input[i]; in.Error != "" {
			why = append(why, report.Printable(in.Error))
		}
	}
	why = append(why, report.Printables(d.Quality.LimitsReached)...)
	for _, x := range d.Current().Doubts {
		why = append(why, strings.TrimSuffix(report.Printable(x.Why)+"; to decide: "+report.Printable(x.Decide), "; to decide: "))
	}
	return append(why, report.Printables(d.Warnings)...)
}

// plainFinding is the evidence of a finding in a few plain lines, for formats that carry text.
func plainFinding(f *incident.Finding) string {
	t := report.Describer{}
	lines := []string{report.Printable(f.Title) + ".", fmt.Sprintf("Severity %s, confidence %s.", f.Severity, report.OrDash(f.Confidence.String())), "Who: " + t.Who(f)}
	if when := t.When(f); when != "" {
		lines = append(lines, "When: "+when)
	}
	for i := range f.Examples {
		e := &f.Examples[i]
		lines = append(lines, fmt.Sprintf("Example: %s, frames %s of %s.", report.ExamplePlace(e), report.FramesText(e.Frames), report.OrDash(report.Printable(e.File))))
		lines = append(lines, report.Printables(e.Facts)...)
		if e.Filter != "" {
			lines = append(lines, report.TsharkLine(e.File, e.Filter))
		}
	}
	lines = append(lines, report.Printables(f.Notes)...)
	if f.Remedy != "" {
		lines = append(lines, "What to do: "+report.Printable(f.Remedy))
	}
	return strings.Join(lines, "\n")
}
