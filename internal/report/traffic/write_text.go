package traffic

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// maxTextRows bounds each table of the text form.
const maxTextRows = 30

// WriteText writes the report as tables of at most 100 columns.
func (p *Report) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "%-22s %9s %7s %7s %8s %8s %8s %8s %7s %7s\n", "", "COUNT", "ERRORS", "NOREPLY", "P50", "P90", "P99", "MAX", "IN", "OUT")
	rows(b, "", []*Row{p.All})
	rows(b, "COMMANDS", p.Commands)
	rows(b, "SERVERS", p.Servers)
	rows(b, "CLIENTS", p.Clients)
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
	if len(p.Largest) > 0 {
		fmt.Fprintf(b, "\nLARGEST\n")
	}
	for _, l := range p.Largest {
		what := "command"
		if l.Reply {
			what = "reply"
		}
		fmt.Fprintf(b, "%9s %-7s conn %-6d frame %-8d %s\n", size(l.Bytes), what, l.Conn, l.Frame, report.Shorten(l.Command+" "+l.Key, 55))
	}
	return b.Flush()
}

func rows(w io.Writer, head string, xs []*Row) {
	if head != "" {
		fmt.Fprintf(w, "\n%s\n", head)
	}
	for i, x := range xs {
		if i == maxTextRows {
			fmt.Fprintf(w, "and %d more\n", len(xs)-i)
			return
		}
		name := report.Shorten(report.Printable(x.Name), 22)
		if x.Took.Count() > 0 || x.Blocked.Count() == 0 {
			fmt.Fprintf(w, "%-22s %9d %7d %7d %8s %8s %8s %8s %7s %7s\n", name, x.Count, x.Errors, x.NoReply, brief(&x.Took, 0.5), brief(&x.Took, 0.9),
				brief(&x.Took, 0.99), brief(&x.Took, 1), size(x.In), size(x.Out))
			name = "  blocked"
		}
		if x.Blocked.Count() > 0 {
			fmt.Fprintf(w, "%-22s %9d %7s %7s %8s %8s %8s %8s\n", name, x.Blocked.Count(), "", "", brief(&x.Blocked, 0.5), brief(&x.Blocked, 0.9),
				brief(&x.Blocked, 0.99), brief(&x.Blocked, 1))
		}
	}
}

// brief prints a quantile in at most eight characters; 1 is the longest time.
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
