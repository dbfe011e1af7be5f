package traffic

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// maxTextRows bounds each table of the text form.
const maxTextRows = 30

const legend = "/S: commands a second. TIME: share of all waiting for replies, blocking commands apart. NOREP: no reply was seen. " +
	"Times are from the end of a command to the first byte of its reply. IN, OUT: bytes of commands, of replies."

// WriteText writes the report as tables of at most 100 columns.
func (p *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	p.rate(b)
	fmt.Fprintf(b, "%-21s %8s %6s %4s %5s %5s %7s %7s %7s %7s %6s %6s\n", "", "COUNT", "/S", "TIME", "ERR", "NOREP", "P50", "P90", "P99", "MAX", "IN", "OUT")
	p.rows(b, "", []*Row{p.All})
	p.rows(b, "COMMANDS", p.Commands)
	p.rows(b, "SERVERS", p.Servers)
	p.rows(b, "CLIENTS", p.Clients)
	if len(p.Errors) > 0 {
		fmt.Fprintf(b, "\nERRORS\n")
	}
	for _, e := range p.Errors[:min(len(p.Errors), maxTextRows)] {
		fmt.Fprintf(b, "%-24s %9d\n", report.Printable(e.Label), e.Count)
	}
	if len(p.Keys) > 0 {
		fmt.Fprintf(b, "\nHOTTEST KEYS\n")
	}
	for _, k := range p.Keys {
		over := ""
		if k.Over > 0 {
			over = fmt.Sprintf("  (up to %d too many)", k.Over)
		}
		fmt.Fprintf(b, "%-64s %9d%s\n", k.Key, k.Count, over)
	}
	if len(p.Slowest) > 0 {
		fmt.Fprintf(b, "\nSLOWEST\n")
	}
	for _, x := range p.Slowest {
		fmt.Fprintf(b, "%9s conn %-6d frame %-8d %s\n", Brief(x.Took), x.Conn, x.Frame, what(x.Command, x.Key, x.File))
	}
	if len(p.Largest) > 0 {
		fmt.Fprintf(b, "\nLARGEST\n")
	}
	for _, l := range p.Largest {
		kind := "command"
		if l.Reply {
			kind = "reply"
		}
		fmt.Fprintf(b, "%9s %-7s conn %-6d frame %-8d %s\n", size(l.Bytes), kind, l.Conn, l.Frame, what(l.Command, l.Key, l.File))
	}
	if p.All.Count > 0 {
		fmt.Fprintf(b, "\n%s", report.HangBehind("", "", legend))
	}
	return b.Flush()
}

// rate prints how much went by in a second.
func (p *Report) rate(w io.Writer) {
	s := p.Seconds()
	if s == 0 {
		return
	}
	fmt.Fprintf(w, "%s of traffic: %s commands/s, %s bytes/s of commands, %s bytes/s of replies\n\n", report.Gap(p.To.Sub(p.From)),
		perSecond(p.All.Count, s), perSecond(p.All.In, s), perSecond(p.All.Out, s))
}

// what names a command with its key, and its file where there are several.
func what(command, key, file string) string {
	text := report.Shorten(strings.TrimSpace(command+" "+key), 55)
	if file != "" {
		text = report.Shorten(report.Shorten(text, 36)+" of "+file, 55)
	}
	return text
}

func (p *Report) rows(w io.Writer, head string, xs []*Row) {
	if head != "" {
		fmt.Fprintf(w, "\n%s\n", head)
	}
	for i, x := range xs {
		if i == maxTextRows {
			fmt.Fprintf(w, "and %d more\n", len(xs)-i)
			return
		}
		name := report.Shorten(report.Printable(x.Name), 21)
		if x.Took.Count() > 0 || x.Blocked.Count() == 0 {
			rate := "-"
			if s := p.Seconds(); s > 0 {
				rate = perSecond(x.Count, s)
			}
			fmt.Fprintf(w, "%-21s %8d %6s %3.0f%% %5d %5d %7s %7s %7s %7s %6s %6s\n", name, x.Count, rate, 100*p.Share(x), x.Errors, x.NoReply,
				brief(&x.Took, 0.5), brief(&x.Took, 0.9), brief(&x.Took, 0.99), brief(&x.Took, 1), size(x.In), size(x.Out))
			name = "  blocked"
		}
		if x.Blocked.Count() > 0 {
			fmt.Fprintf(w, "%-21s %8d %6s %4s %5s %5s %7s %7s %7s %7s\n", name, x.Blocked.Count(), "", "", "", "", brief(&x.Blocked, 0.5),
				brief(&x.Blocked, 0.9), brief(&x.Blocked, 0.99), brief(&x.Blocked, 1))
		}
	}
}

// perSecond prints a rate in at most six characters.
func perSecond(n int64, seconds float64) string {
	switch r := float64(n) / seconds; {
	case r < 10:
		return fmt.Sprintf("%.2f", r)
	case r < 1000:
		return fmt.Sprintf("%.0f", r)
	case r < 1e6:
		return fmt.Sprintf("%.1fk", r/1e3)
	case r < 1e9:
		return fmt.Sprintf("%.1fM", r/1e6)
	default:
		return fmt.Sprintf("%.1fG", r/1e9)
	}
}

// brief prints a quantile in at most seven characters, below 1,000 s; 1 is the longest time.
func brief(l *Latency, q float64) string {
	if l.Count() == 0 {
		return "-"
	}
	d := l.Max()
	if q < 1 {
		d = l.Quantile(q)
	}
	return Brief(d)
}

// Brief prints a time with three digits or so.
func Brief(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d/time.Microsecond)
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.2fs", d.Seconds())
}

func size(n int64) string {
	switch {
	case n < 10<<10:
		return fmt.Sprintf("%d", n)
	case n < 10<<20:
		return fmt.Sprintf("%dK", n>>10)
	case n < 10<<30:
		return fmt.Sprintf("%dM", n>>20)
	}
	return fmt.Sprintf("%dG", n>>30)
}
