package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

func newRenderCommand(a *app) *cobra.Command {
	var out outputFlags
	var filter filterFlags
	var verdict verdictFlags
	cmd := &cobra.Command{
		Use:   "render SAVED.json | -",
		Short: "Make any report from a saved run",
		Long: `Render reads what 'analyze -o json' or 'analyze -o ndjson' wrote and writes it again in any format.
The exit code is that of the saved run.`,
		Example: `  respsniff render run.json -o html=run.html -o text`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := out.check(report.Formats); err != nil {
				return err
			}
			if err := filter.check(out.location); err != nil {
				return err
			}
			if err := verdict.check(); err != nil {
				return err
			}
			doc, err := readDocument(a, args[0])
			if err != nil {
				return err
			}
			if err := keep(doc, &filter); err != nil {
				return err
			}
			rejoin(doc)
			if err := out.write(a, doc, verdict.gate()); err != nil {
				return err
			}
			return verdict.exit(doc)
		},
	}
	out.add(cmd, report.Formats)
	out.shown.add(cmd)
	filter.addFindings(cmd)
	verdict.add(cmd)
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
