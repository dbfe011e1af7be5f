package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// renderOptions are the flags of commands that make reports from saved runs.
type renderOptions struct {
	out     outputFlags
	filter  filterFlags
	verdict verdictFlags
}

func (o *renderOptions) add(cmd *cobra.Command) {
	o.out.add(cmd, report.Formats)
	o.out.shown.add(cmd)
	o.filter.addFindings(cmd)
	o.verdict.add(cmd)
}

func (o *renderOptions) check() error {
	if err := o.out.check(report.Formats); err != nil {
		return err
	}
	if err := o.filter.check(o.out.location); err != nil {
		return err
	}
	return o.verdict.check()
}

// render writes the reports of a run, and returns its exit code as an error.
func (o *renderOptions) render(a *app, doc *report.Document) error {
	if err := keep(doc, &o.filter); err != nil {
		return err
	}
	rejoin(doc)
	if err := o.out.write(a, doc, o.verdict.gate()); err != nil {
		return err
	}
	return o.verdict.exit(doc)
}

func newRenderCommand(a *app) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "render SAVED.json | -",
		Short: "Make any report from a saved run",
		Long: `Render reads what 'analyze -o json' or 'analyze -o ndjson' wrote and writes it again in any format.
The exit code is that of the saved run.`,
		Example: `  respsniff render run.json -o html=run.html -o text`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return err
			}
			doc, err := readDocument(a, args[0])
			if err != nil {
				return err
			}
			return o.render(a, doc)
		},
	}
	o.add(cmd)
	return cmd
}

// readDocument reads a saved run.
func readDocument(a *app, name string) (*report.Document, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	doc, err := report.Read(in)
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w: 'analyze -o json' makes such a file", name, err))
	}
	return doc, nil
}

// keep leaves the findings that the filter wants, and notes what it left out.
func keep(doc *report.Document, f *filterFlags) error {
	if err := f.begin(doc.Summary.First); err != nil {
		return err
	}
	all := doc.Findings
	doc.Findings = nil
	for i := range all {
		if f.Finding(&all[i]) {
			doc.Findings = append(doc.Findings, all[i])
		}
	}
	doc.Summary.Filtered = doc.Summary.Filtered.And(f.LeftOut(int64(len(all) - len(doc.Findings))))
	return nil
}

// rejoin makes the incidents of a saved run anew where findings were left out, or it has none: their counts are the least
// that its findings prove.
func rejoin(doc *report.Document) {
	if x := doc.Summary.Filtered; len(doc.Incidents) > 0 && (x == nil || x.Findings == 0) {
		return
	}
	doc.Incidents = incident.Join(doc.Findings, detectors.Rules())
}
