package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/report/traffic"
	"github.com/spf13/cobra"
)

var diffFormats = []report.Format{report.Text, report.JSON}

// diffSide is one of the two runs.
type diffSide struct {
	name  string
	doc   *report.Document
	times *traffic.Report // nil for a saved run, which has no times
}

func newDiffCommand(a *app) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Compare two captures: findings gone and new, reply times",
		Long: `Diff analyses two captures, or reads two saved runs (names ending in .json or .ndjson), and says
which findings are gone, new or changed. The same fingerprint is the same finding. Reply times are
compared by quantiles and by a two-sided Mann-Whitney U test, which says whether the times of one
run tend to be longer; commands of one stall are not independent of each other, so read a small p as
a hint.

The exit code is 1 if a new finding has at least the severity of --fail-on.`,
		Example: `  respsniff diff before.pcap after.pcap
  respsniff diff release-1.json after.pcap --min-severity high`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.checkFor(diffFormats); err != nil {
				return err
			}
			var sides [2]diffSide
			for i, name := range names {
				var err error
				if sides[i], err = o.side(cmd.Context(), a, name); err != nil {
					return err
				}
			}
			d := gate.Compare(sides[0].doc, sides[1].doc)
			for _, out := range o.output.outputs {
				write := func(w io.Writer) error { return writeDiffText(w, &sides, d) }
				if out.format == report.JSON {
					write = func(w io.Writer) error { return writeDiffJSON(w, &sides, d) }
				}
				if err := o.output.to(a, out, write); err != nil {
					return err
				}
			}
			after := *sides[1].doc
			after.Complete = after.Complete && sides[0].doc.Complete
			after.Findings = nil
			for _, f := range d.New {
				after.Findings = append(after.Findings, *f)
			}
			return o.verdict.exit(&after)
		},
	}
	o.input.add(cmd)
	o.filter.add(cmd, true)
	o.output.add(cmd, diffFormats)
	o.verdict.add(cmd)
	return cmd
}

func (o *analyzeOptions) side(ctx context.Context, a *app, name string) (diffSide, error) {
	if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".ndjson") {
		if o.filter.ChoosesConnections() {
			return diffSide{}, usagef("diff: --server, --client and --conn choose among the connections of a capture: %s is a saved run", name)
		}
		doc, err := readDocument(a, name)
		if err != nil {
			return diffSide{}, err
		}
		filter := o.filter // times of day are of this run's first day
		if err := keep(doc, &filter); err != nil {
			return diffSide{}, err
		}
		o.input.masked().Document(doc)
		return diffSide{name: name, doc: doc}, nil
	}
	var p *pipeline
	recorder := traffic.NewRecorder(o.input.masked())
	doc, err := o.document(ctx, a, []string{name}, &p, func(event pairing.Event) {
		if e, ok := event.(*pairing.Exchange); ok {
			recorder.Exchange(e, e.Session.ID, e.Session.Client, e.Session.Server)
		}
	})
	if err != nil {
		return diffSide{}, err
	}
	p.mask.Document(doc)
	return diffSide{name, doc, recorder.Report()}, nil
}

func writeDiffText(w io.Writer, sides *[2]diffSide, d *gate.Difference) error {
	b := bufio.NewWriter(w)
	fmt.Fprint(b, report.Hang("", fmt.Sprintf("before %s, after %s: %d findings gone, %d new, %d changed, %d as before",
		report.Printable(sides[0].name), report.Printable(sides[1].name), len(d.Gone), len(d.New), len(d.Changed), d.Same)))
	for i, word := range []string{"before: ", "after: "} {
		if x := sides[i].doc.Summary.Filtered; x != nil {
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
func latencyRows(sides *[2]diffSide) []latencyRow {
	if sides[0].times == nil || sides[1].times == nil {
		return nil
	}
	rows := []latencyRow{newLatencyRow(sides[0].times.All, sides[1].times.All)}
	for _, x := range sides[0].times.Commands {
		for _, y := range sides[1].times.Commands {
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

func writeDiffJSON(w io.Writer, sides *[2]diffSide, d *gate.Difference) error {
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
		SchemaVersion: report.SchemaVersion, Complete: sides[0].doc.Complete && sides[1].doc.Complete, Gone: []report.FindingJSON{},
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
