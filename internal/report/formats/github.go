package formats

import (
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// writeGitHub writes workflow commands, which GitHub Actions shows as annotations. A command ends at the end of its
// line, so nothing of the capture may end a line, begin one, or close a property:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func writeGitHub(w io.Writer, d *report.Document, o report.Options) error {
	v := d.Current()
	level := "notice"
	if v.Exit == 2 || v.Word == report.WordUndecided {
		level = "warning"
	}
	lines := []string{string(v.Word) + ": " + v.Sentence}
	for _, x := range v.Doubts {
		lines = append(lines, strings.TrimSuffix(x.Why+"; to decide: "+x.Decide, "; to decide: "))
	}
	quality, _ := d.Split()
	for _, f := range quality {
		lines = append(lines, fmt.Sprintf("%s %s: %s.", f.Rule, f.Name, f.Title))
	}
	if more := len(d.Incidents) - maxAnnotations; more > 0 {
		lines = append(lines, fmt.Sprintf("%s in all; %s not shown here.", report.Count(int64(len(d.Incidents)), "incident"), report.CountAs(int64(more), "is", "are")))
	}
	if err := command(w, level, "respsniff: "+string(v.Word), "", strings.Join(lines, "\n")); err != nil {
		return err
	}
	for i := range d.Incidents[:min(len(d.Incidents), maxAnnotations)] {
		in := &d.Incidents[i]
		title := fmt.Sprintf("%s (%s, %s): %s", report.WordOf(in.Class), in.Severity, report.OrDash(in.Confidence.String()), rulesOf(in))
		if err := command(w, annotationLevel(in.Severity, o.Gate), title, firstFile(d, in), plainIncident(d, in)); err != nil {
			return err
		}
	}
	return nil
}

func annotationLevel(s incident.Severity, g report.Gate) string {
	switch {
	case s >= incident.High || g.Fails(s):
		return "error"
	case s == incident.Medium:
		return "warning"
	}
	return "notice"
}

func command(w io.Writer, level, title, file, message string) error {
	properties := "title=" + githubProperty(title)
	if file != "" {
		properties = "file=" + githubProperty(file) + "," + properties
	}
	_, err := fmt.Fprintf(w, "::%s %s::%s\n", level, properties, githubMessage(message))
	return err
}

var (
	messageEscapes  = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// githubMessage escapes a message whose only line ends are our own.
func githubMessage(s string) string {
	lines := strings.Split(s, "\n")
	return messageEscapes.Replace(strings.Join(report.Printables(lines), "\n"))
}

func githubProperty(s string) string { return propertyEscapes.Replace(report.Printable(s)) }
