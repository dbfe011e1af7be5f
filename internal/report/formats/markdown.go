package formats

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// writeMarkdown writes GitHub flavoured Markdown with a mermaid sequence diagram for the first example of each finding.
func writeMarkdown(w io.Writer, d *report.Document, o report.Options) error {
	m := &markdownWriter{w: bufio.NewWriter(w), clock: o.Clock}
	if m.clock.Start == 0 {
		m.clock.Start = d.Summary.First
	}
	d = m.clock.Localize(d)
	v := d.Current()
	word, sentence := string(v.Word), v.Sentence
	m.printf("# respsniff: %s\n\n", md(word))
	if x := d.Summary.Filtered; x != nil {
		m.printf("%s\n\n", md(x.String()))
	}
	m.printf("%s\n\n", md(sentence))
	for i := range d.Input {
		in := &d.Input[i]
		m.printf("- %s: %s", mdCode(in.File), report.Count(in.Packets, "packet"))
		if in.Error != "" {
			m.printf("; **not whole:** %s", md(in.Error))
		}
		m.printf("\n")
	}
	s := &d.Summary
	m.printf("- %s on %s, %s, %s\n", report.Count(s.Commands, "command"), report.Count(s.Redis, "Redis connection"), report.Count(s.Clients, "client"), report.Count(s.Servers, "server"))
	for _, x := range v.Doubts {
		m.printf("- Undecided: %s\n", md(strings.TrimSuffix(x.Why+"; to decide: "+x.Decide, "; to decide: ")))
	}
	quality, _ := d.Split()
	for _, f := range quality {
		m.printf("- %s %s: %s\n", md(f.Rule), md(f.Name), md(f.Title))
	}
	for _, warning := range d.Warnings {
		m.printf("- Warning: %s\n", md(warning))
	}
	if len(d.Incidents) > 1 {
		m.printf("\n| # | Severity | Confidence | Verdict | What |\n|--:|---|---|---|---|\n")
		for i := range d.Incidents[:min(len(d.Incidents), maxAnnotations)] {
			in := &d.Incidents[i]
			m.printf("| %d | %s | %s | %s | %s |\n", in.ID, in.Severity, report.OrDash(in.Confidence.String()), in.Class, md(in.Title))
		}
	}
	if more := len(d.Incidents) - maxAnnotations; more > 0 {
		m.printf("\nand %s more\n", report.Group(int64(more)))
	}
	for i := range d.Incidents[:min(len(d.Incidents), o.Most())] {
		m.incident(d, &d.Incidents[i])
	}
	if more := len(d.Incidents) - o.Most(); more > 0 {
		m.printf("\n%s not shown in full.\n", report.CountAs(int64(more), "incident is", "incidents are"))
	}
	m.printf("\n---\n\nWhat no capture shows: %s\n", md(report.BlindSpots))
	if m.err != nil {
		return m.err
	}
	return m.w.Flush()
}

type markdownWriter struct {
	w     *bufio.Writer
	clock report.Clock
	err   error
}

func (m *markdownWriter) printf(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format, args...)
	}
}

// incident writes what the text shows, and the findings folded.
func (m *markdownWriter) incident(d *report.Document, in *incident.Incident) {
	t := report.Describer{Document: d, Clock: m.clock}
	m.printf("\n## %d. %s: %s\n\n- Severity %s, confidence %s\n- Who: %s\n", in.ID, md(string(report.WordOf(in.Class))), md(in.Title), in.Severity, report.OrDash(in.Confidence.String()), md(t.Parties(in)))
	if since := t.Since(in); since != "" {
		m.printf("- Since: %s\n", md(since))
	}
	if saw := report.TallyText(in.Damage.Saw); saw != "" {
		m.printf("- Calls saw: %s\n", md(saw))
	}
	for i := range in.Steps {
		s := &in.Steps[i]
		m.printf("- %s %s %s: %s\n", report.RoleLabel(s.Role), md(s.Rule), md(s.Name), md(s.What))
	}
	for i, do := range in.Remedy {
		if i == 0 {
			m.printf("\n**What to do**\n\n")
		}
		m.printf("%d. %s\n", i+1, md(do))
	}
	m.story(in)
	findings := d.FindingsOf(in)
	if len(findings) == 0 {
		return
	}
	m.printf("\n<details><summary>%s</summary>\n", report.Count(int64(len(findings)), "finding"))
	for _, f := range findings {
		m.finding(f)
	}
	m.printf("\n</details>\n")
}

func (m *markdownWriter) story(in *incident.Incident) {
	s := &in.Story
	if len(s.Rows) == 0 {
		return
	}
	m.printf("\n%s\n\n| Time | Frame | What | The server meant | Its caller got |\n|---|--:|---|---|---|\n", md(report.StoryPlace(in)))
	var before capture.Time
	for i := range s.Rows {
		r := &s.Rows[i]
		when, frame, meant, got := "", "", "", ""
		if r.Time != 0 {
			when = m.clock.Short(r.Time, before)
			before = r.Time
		}
		if r.Frame > 0 {
			frame = report.Itoa(r.Frame)
		}
		if r.Misread() {
			meant, got = report.MeantText(r), report.GotText(r)
		}
		m.printf("| %s | %s | %s | %s | %s |\n", md(when), frame, md(report.RowText(r)), md(meant), md(got))
	}
	if filter := incident.DisplayFilter(s.Client, s.Server); filter != "" {
		m.printf("\n    %s\n", report.TsharkLine(s.File, filter))
	}
}

func (m *markdownWriter) finding(f *incident.Finding) {
	t := report.Describer{Clock: m.clock}
	m.printf("\n### %s %s\n\n%s (%s, %s)\n\n- Who: %s\n", md(f.Rule), md(f.Name), md(f.Title), f.Severity, report.OrDash(f.Confidence.String()), md(t.Who(f)))
	if when := t.When(f); when != "" {
		m.printf("- When: %s\n", md(when))
	}
	if s := report.TallyText(f.Victims); s != "" {
		m.printf("- Calls saw: %s\n", md(s))
	}
	for _, note := range f.Notes {
		m.printf("- %s\n", md(note))
	}
	if f.Remedy != "" {
		m.printf("- **What to do:** %s\n", md(f.Remedy))
	}
	for i := range f.Examples {
		m.example(i, &f.Examples[i])
	}
}

func (m *markdownWriter) example(i int, e *incident.Example) {
	m.printf("\n**Example %d:** %s, frames %s of %s\n\n", i+1, md(report.ExamplePlace(e)), report.FramesText(e.Frames), mdCode(e.File))
	for _, fact := range e.Facts {
		m.printf("- %s\n", md(fact))
	}
	if i == 0 {
		m.ladder(e)
	}
	if len(e.Victims) > 0 {
		m.printf("\n| Command | The server meant | Its caller got | Sure |\n|---|---|---|---|\n")
	}
	for j := range e.Victims {
		if j == report.MaxVictims {
			m.printf("| and %d more | | | |\n", len(e.Victims)-j)
			break
		}
		v := &e.Victims[j]
		m.printf("| #%d %s %s | %s | %s | %s |\n", v.Index, md(v.Command), md(v.Key), md(report.ReplyText(v.Serves, v.Meant)), md(report.ReplyText(v.Believes, v.Got)), v.Confidence)
	}
	if e.Filter != "" {
		m.printf("\n    %s\n", report.TsharkLine(e.File, e.Filter))
	}
}

func (m *markdownWriter) ladder(e *incident.Example) {
	if len(e.Ladder) == 0 {
		return
	}
	m.printf("\n```mermaid\nsequenceDiagram\n  participant C as %s\n  participant S as %s\n", mermaid(report.OrDash(report.EndText(e.Client))), mermaid(report.OrDash(report.EndText(e.Server))))
	var before capture.Time
	for i := range report.ShownSteps(e) {
		s := &e.Ladder[i]
		arrow := "S->>C"
		if s.FromClient {
			arrow = "C->>S"
		}
		gap := ""
		if before != 0 {
			gap = " +" + report.BriefGap(s.Time.Sub(before))
		}
		m.printf("  %s: frame %d%s %s\n", arrow, s.Frame, mermaid(gap), mermaid(s.What))
		if s.Mark != "" {
			m.printf("  Note over C,S: %s\n", mermaid(s.Mark))
		}
		before = s.Time
	}
	m.printf("```\n")
}

// md escapes a text for the inside of a Markdown line or table cell: every ASCII punctuation character that Markdown
// could read as markup, and HTML.
func md(s string) string {
	s = report.Printable(s)
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '@':
			b.WriteString("&#64;") // no mention of a user
		case strings.ContainsRune("\\`*_{}[]#|~$!", r):
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ':' && strings.HasSuffix(b.String(), "http") || r == ':' && strings.HasSuffix(b.String(), "https") || r == ':' && strings.HasSuffix(b.String(), "ftp"):
			b.WriteString("&#58;") // no autolink
		default:
			b.WriteRune(r)
		}
	}
	out := b.String()
	if strings.HasPrefix(out, "-") || strings.HasPrefix(out, "+") || strings.HasPrefix(out, "=") {
		out = "\\" + out
	}
	return strings.ReplaceAll(out, "www.", "www&#46;")
}

// mdCode puts a text into a code span whose fence is longer than any run of backticks in it.
func mdCode(s string) string {
	s = strings.ReplaceAll(report.Printable(s), "|", "/")
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	pad := ""
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		pad = " "
	}
	return fence + pad + s + pad + fence
}

// mermaid escapes a text for a label: all but a few harmless characters become entity codes (#NN;), and so does the
// word "end", which closes blocks.
func mermaid(s string) string {
	var b strings.Builder
	for _, word := range strings.SplitAfter(report.Printable(s), " ") {
		if strings.EqualFold(strings.TrimSpace(word), "end") {
			fmt.Fprintf(&b, "#%d;", word[0])
			word = word[1:]
		}
		for _, r := range word {
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" ._/,+()[]'", r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
	}
	return b.String()
}
