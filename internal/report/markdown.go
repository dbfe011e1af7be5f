package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// WriteMarkdown writes GitHub flavoured Markdown with a mermaid sequence diagram for the first example of each finding.
func WriteMarkdown(w io.Writer, d *Document, o Options) error {
	m := &markdownWriter{w: bufio.NewWriter(w), clock: o.Clock}
	if m.clock.Start == 0 {
		m.clock.Start = d.Summary.First
	}
	d = m.clock.document(d)
	word, sentence := Verdict(d)
	m.printf("# respsniff: %s\n\n", md(word))
	if x := d.Summary.Filtered; x != nil {
		m.printf("%s\n\n", md(x.String()))
	}
	m.printf("%s\n\n", md(sentence))
	for i := range d.Input {
		in := &d.Input[i]
		m.printf("- %s: %s", mdCode(in.File), count(in.Packets, "packet"))
		if in.Error != "" {
			m.printf("; **not whole:** %s", md(in.Error))
		}
		m.printf("\n")
	}
	s := &d.Summary
	m.printf("- %s on %s, %s, %s\n", count(s.Commands, "command"), count(s.Redis, "Redis connection"), count(s.Clients, "client"), count(s.Servers, "server"))
	quality, traffic := d.split()
	for _, f := range quality {
		m.printf("- %s %s: %s\n", md(f.Rule), md(f.Name), md(f.Title))
	}
	for _, warning := range d.Warnings {
		m.printf("- Warning: %s\n", md(warning))
	}
	shown := traffic[:min(len(traffic), o.maxFindings())]
	if len(shown) > 0 {
		m.printf("\n| # | Severity | Confidence | Rule | Count | Connections | Client | Server |\n|--:|---|---|---|--:|--:|---|---|\n")
	}
	for i, f := range shown {
		m.printf("| %d | %s | %s | %s %s | %d | %d | %s | %s |\n", i+1, f.Severity, orDash(f.Confidence.String()), md(f.Rule), md(f.Name),
			f.Count, f.Connections, md(orDash(addrText(f.Client))), md(orDash(addrPortText(f.Server))))
	}
	if more := len(traffic) - len(shown); more > 0 {
		m.printf("\nand %s more\n", group(int64(more)))
	}
	m.stories(d, shown)
	for i, f := range shown {
		m.finding(i+1, f)
	}
	m.printf("\n---\n\nWhat this tool cannot see: %s\n", md(blindSpots))
	if m.err != nil {
		return m.err
	}
	return m.w.Flush()
}

type markdownWriter struct {
	w     *bufio.Writer
	clock Clock
	err   error
}

func (m *markdownWriter) printf(format string, args ...any) {
	if m.err == nil {
		_, m.err = fmt.Fprintf(m.w, format, args...)
	}
}

func (m *markdownWriter) finding(n int, f *incident.Finding) {
	t := textWriter{o: Options{Clock: m.clock}}
	m.printf("\n## %d. %s %s\n\n%s (%s, %s)\n\n- Who: %s\n", n, md(f.Rule), md(f.Name), md(f.Title), f.Severity, orDash(f.Confidence.String()), md(t.who(f)))
	if when := t.when(f); when != "" {
		m.printf("- When: %s\n", md(when))
	}
	if s := tallyText(f.Victims); s != "" {
		m.printf("- Callers saw: %s\n", md(s))
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
	m.printf("\n**Example %d:** %s, frames %s of %s\n\n", i+1, md(examplePlace(e)), framesText(e.Frames), mdCode(e.File))
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
		if j == maxVictims {
			m.printf("| and %d more | | | |\n", len(e.Victims)-j)
			break
		}
		v := &e.Victims[j]
		m.printf("| #%d %s %s | %s | %s | %s |\n", v.Index, md(v.Command), md(v.Key), md(replyText(v.Serves, v.Meant)), md(replyText(v.Believes, v.Got)), v.Confidence)
	}
	if e.Filter != "" {
		m.printf("\n    %s\n", TsharkLine(e.File, e.Filter))
	}
}

func (m *markdownWriter) ladder(e *incident.Example) {
	if len(e.Ladder) == 0 {
		return
	}
	m.printf("\n```mermaid\nsequenceDiagram\n  participant C as %s\n  participant S as %s\n", mermaid(orDash(endText(e.Client))), mermaid(orDash(endText(e.Server))))
	var before capture.Time
	for i := range shownSteps(e) {
		s := &e.Ladder[i]
		arrow := "S->>C"
		if s.FromClient {
			arrow = "C->>S"
		}
		gap := ""
		if before != 0 {
			gap = " +" + BriefGap(s.Time.Sub(before))
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
	s = Printable(s)
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
	s = strings.ReplaceAll(Printable(s), "|", "/")
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
	for _, word := range strings.SplitAfter(Printable(s), " ") {
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
