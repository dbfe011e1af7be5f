package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
)

// WriteGitHub writes workflow commands, which GitHub Actions shows as annotations. A command ends at the end of its
// line, so nothing of the capture may end a line, begin one, or close a property:
// https://docs.github.com/actions/reference/workflow-commands-for-github-actions
func WriteGitHub(w io.Writer, d *Document) error {
	word, sentence := Verdict(d)
	level := "notice"
	if !d.Complete {
		level = "warning"
	}
	if err := command(w, level, "respsniff: "+word, "", word+": "+sentence); err != nil {
		return err
	}
	for i := range d.Findings {
		f := &d.Findings[i]
		file := ""
		if len(f.Examples) > 0 {
			file = f.Examples[0].File
		}
		title := fmt.Sprintf("%s %s (%s, %s)", f.Rule, f.Name, f.Severity, orDash(f.Confidence.String()))
		if err := command(w, annotationLevel(f.Severity), title, file, plainFinding(f)); err != nil {
			return err
		}
	}
	return nil
}

func annotationLevel(s incident.Severity) string {
	switch {
	case s >= incident.High:
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
	return messageEscapes.Replace(strings.Join(printables(lines), "\n"))
}

func githubProperty(s string) string { return propertyEscapes.Replace(Printable(s)) }
