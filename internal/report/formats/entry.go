package formats

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// Formats for machines that show a list have one entry an incident, with its findings inside, and one for each finding
// about the capture itself.

// maxAnnotations bounds the entries of formats whose readers are people; the others are counted.
const maxAnnotations = 100

// rulesOf lists the rules of an incident.
func rulesOf(in *incident.Incident) string {
	words := make([]string, len(in.Steps))
	for i := range in.Steps {
		words[i] = report.Printable(in.Steps[i].Rule)
	}
	return strings.Join(words, " ")
}

// mainFinding returns the worst finding of an incident: the rule that an entry stands under. Nil where it is not there.
func mainFinding(d *report.Document, in *incident.Incident) (main *incident.Finding) {
	for _, f := range d.FindingsOf(in) {
		if main == nil || f.Severity > main.Severity || f.Severity == main.Severity && f.Confidence > main.Confidence {
			main = f
		}
	}
	return main
}

// plainIncident is an incident in plain lines, its findings with their evidence behind it.
func plainIncident(d *report.Document, in *incident.Incident) string {
	t := report.Describer{Document: d}
	lines := []string{report.Printable(in.Title) + ".", fmt.Sprintf("Severity %s, confidence %s.", in.Severity, report.OrDash(in.Confidence.String())), "Who: " + t.Parties(in)}
	if since := t.Since(in); since != "" {
		lines = append(lines, "Since: "+since)
	}
	for i := range in.Steps {
		s := &in.Steps[i]
		lines = append(lines, fmt.Sprintf("%s %s %s: %s.", report.RoleLabel(s.Role), report.Printable(s.Rule), report.Printable(s.Name), report.Printable(s.What)))
	}
	for i, do := range in.Remedy {
		lines = append(lines, fmt.Sprintf("What to do, %d: %s", i+1, report.Printable(do)))
	}
	if s := &in.Story; len(s.Rows) > 0 {
		lines = append(lines, report.StoryPlace(in)+":")
		for i := range s.Rows {
			lines = append(lines, plainRow(&s.Rows[i]))
		}
		if filter := incident.DisplayFilter(s.Client, s.Server); filter != "" {
			lines = append(lines, report.TsharkLine(s.File, filter))
		}
	}
	for _, f := range d.FindingsOf(in) {
		text := fmt.Sprintf("Finding %s %s (%s, %s): %s.", report.Printable(f.Rule), report.Printable(f.Name), f.Severity, report.OrDash(f.Confidence.String()), report.Printable(f.Title))
		if len(f.Examples) > 0 {
			e := &f.Examples[0]
			text += fmt.Sprintf(" Example: %s, frames %s of %s.", report.ExamplePlace(e), report.FramesText(e.Frames), report.OrDash(report.Printable(e.File)))
		}
		lines = append(lines, text)
	}
	return strings.Join(lines, "\n")
}

func plainRow(r *incident.StoryRow) string {
	text := report.RowText(r)
	if r.Frame > 0 {
		text = fmt.Sprintf("frame %d: %s", r.Frame, text)
	}
	if r.Misread() {
		text += fmt.Sprintf("; the server meant %s, its caller got %s", report.MeantText(r), report.GotText(r))
	}
	return text
}

// firstFile is the capture that an entry points to.
func firstFile(d *report.Document, in *incident.Incident) string {
	if in.Story.File != "" {
		return in.Story.File
	}
	for _, f := range d.FindingsOf(in) {
		for i := range f.Examples {
			if file := f.Examples[i].File; file != "" {
				return file
			}
		}
	}
	return ""
}
