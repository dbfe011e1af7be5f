package gate

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/traffic"
)

// Side is one of two runs that are compared.
type Side struct {
	Name  string
	Doc   *report.Document
	Times *traffic.Report // nil for a saved run, which has no times
}

// WriteText writes the difference for people, with the reply times of both sides.
func (d *Difference) WriteText(w io.Writer, sides *[2]Side) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, report.Hang("", fmt.Sprintf("before %s, after %s: %d findings gone, %d new, %d changed, %d as before",
		report.Printable(sides[0].Name), report.Printable(sides[1].Name), len(d.Gone), len(d.New), len(d.Changed), d.Same)))
	for i, word := range []string{"before: ", "after: "} {
		if x := sides[i].Doc.Summary.Filtered; x != nil {
			fmt.Fprint(b, report.HangBehind("", "  ", word+report.Printable(x.String())))
		}
	}
	for _, f := range d.New {
		fmt.Fprint(b, report.Hang("NEW      ", diffLine(f)))
	}
	for _, c := range d.Changed {
		before := fmt.Sprintf(" (before: count %d, %s, %s)", c.Before.Count, c.Before.Severity, c.Before.Confidence)
		fmt.Fprint(b, report.Hang("CHANGED  ", diffLine(c.After)+before))
	}
	for _, f := range d.Gone {
		fmt.Fprint(b, report.Hang("GONE     ", diffLine(f)))
	}
	rows := latencyRows(sides)
	if len(rows) > 0 {
		fmt.Fprintf(b, "\n%-18s %17s %17s %17s %8s  %s\n", "REPLY TIMES", "P50", "P90", "P99", "SLOWER", "P")
	}
	for _, r := range rows {
		fmt.Fprintf(b, "%-18s %17s %17s %17s", report.Shorten(r.Command, 18), arrow(r.Before.P50, r.After.P50), arrow(r.Before.P90, r.After.P90), arrow(r.Before.P99, r.After.P99))
		if r.P != nil {
			fmt.Fprintf(b, " %7.0f%%  %.2g", 100**r.Slower, *r.P)
		}
		fmt.Fprintln(b)
	}
	if len(rows) > 0 {
		fmt.Fprintf(b, "SLOWER: how often a time of the second run exceeds one of the first; 50 %% is no change.\n")
		fmt.Fprintf(b, "P: two-sided Mann-Whitney U test, commands taken as independent.\n")
	}
	return b.Flush()
}

func diffLine(f *incident.Finding) string {
	return report.Printable(fmt.Sprintf("%s %s, count %d, %s, %s: %s [%s]", f.Rule, f.Name, f.Count, f.Severity, f.Confidence, f.Title, f.Fingerprint))
}

func arrow(before, after float64) string {
	return fmt.Sprintf("%s>%s", milliText(before), milliText(after))
}

func milliText(ms float64) string {
	if ms < 1 {
		return fmt.Sprintf("%.0fus", ms*1000)
	}
	if ms < 1000 {
		return fmt.Sprintf("%.1fms", ms)
	}
	return fmt.Sprintf("%.2fs", ms/1000)
}

type latencyRow struct {
	Command string        `json:"command"`
	Before  latencyFigure `json:"before"`
	After   latencyFigure `json:"after"`
	Slower  *float64      `json:"slower,omitempty"` // probability that a time of the second run exceeds one of the first
	P       *float64      `json:"p,omitempty"`      // two-sided Mann-Whitney U test
}

type latencyFigure struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
}

// maxDiffRows bounds the commands that are compared.
const maxDiffRows = 20

// latencyRows compares the times of all commands together, and of the most frequent ones that both runs have.
func latencyRows(sides *[2]Side) []latencyRow {
	if sides[0].Times == nil || sides[1].Times == nil {
		return nil
	}
	rows := []latencyRow{newLatencyRow(sides[0].Times.All, sides[1].Times.All)}
	for _, x := range sides[0].Times.Commands {
		for _, y := range sides[1].Times.Commands {
			if x.Name == y.Name && x.Took.Count() > 0 && y.Took.Count() > 0 && len(rows) <= maxDiffRows {
				rows = append(rows, newLatencyRow(x, y))
			}
		}
	}
	return rows
}

func newLatencyRow(x, y *traffic.Row) latencyRow {
	r := latencyRow{Command: report.Printable(x.Name), Before: newLatencyFigure(&x.Took), After: newLatencyFigure(&y.Took)}
	if c, ok := traffic.Compare(&x.Took, &y.Took); ok {
		r.Slower, r.P = &c.Slower, &c.P
	}
	return r
}

func newLatencyFigure(l *traffic.Latency) latencyFigure {
	ms := func(q float64) float64 { return float64(l.Quantile(q).Microseconds()) / 1000 }
	return latencyFigure{l.Count(), ms(0.5), ms(0.9), ms(0.99)}
}

// WriteJSON writes the difference as one document.
func (d *Difference) WriteJSON(w io.Writer, sides *[2]Side) error {
	type changed struct {
		Before report.FindingJSON `json:"before"`
		After  report.FindingJSON `json:"after"`
	}
	out := struct {
		SchemaVersion int                  `json:"schema_version"`
		Complete      bool                 `json:"complete"`
		Gone          []report.FindingJSON `json:"gone"`
		New           []report.FindingJSON `json:"new"`
		Changed       []changed            `json:"changed"`
		Same          int                  `json:"same"`
		Latency       []latencyRow         `json:"latency,omitempty"`
	}{
		SchemaVersion: report.SchemaVersion, Complete: sides[0].Doc.Complete && sides[1].Doc.Complete, Gone: []report.FindingJSON{},
		New: []report.FindingJSON{}, Changed: []changed{}, Same: d.Same, Latency: latencyRows(sides),
	}
	for _, f := range d.Gone {
		out.Gone = append(out.Gone, report.FindingJSON{Finding: f})
	}
	for _, f := range d.New {
		out.New = append(out.New, report.FindingJSON{Finding: f})
	}
	for _, c := range d.Changed {
		out.Changed = append(out.Changed, changed{report.FindingJSON{Finding: c.Before}, report.FindingJSON{Finding: c.After}})
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}
