package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/report"
)

// analyzeOptions are the flags of the main command.
type analyzeOptions struct {
	input    inputFlags
	filter   filterFlags
	output   outputFlags
	verdict  verdictFlags
	separate bool
}

func newAnalyzeCommand(a *app) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use:   "analyze FILE... | DIR | -",
		Short: "Find desyncs, leaks and faults in captures",
		Long: `Analyze reads capture files and prints what is wrong with the Redis traffic in them: ranked findings with
evidence. Several files are one capture in time order, as 'tcpdump -C' leaves them, unless --separate is given.

Exit codes: 0 nothing at or above --fail-on; 1 a finding; 2 some input was not read whole; 3 usage; 4 internal error.`,
		Example: `  respsniff analyze redis.pcap
  tcpdump -i any -s 0 -U -w - port 6379 | respsniff analyze -
  respsniff analyze ring/ -o text -o json=report.json --fail-on critical`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.check(); err != nil {
				return err
			}
			if o.separate && len(names) > 1 {
				return o.each(cmd.Context(), a, names)
			}
			doc, err := o.analyze(cmd.Context(), a, names)
			if err != nil {
				return err
			}
			if err := o.output.write(a, doc); err != nil {
				return err
			}
			return o.verdict.exit(doc)
		},
	}
	o.input.add(cmd)
	o.filter.add(cmd, true)
	o.output.add(cmd, report.Formats)
	o.verdict.add(cmd)
	cmd.Flags().BoolVar(&o.separate, "separate", false, "each file is a capture of its own")
	return cmd
}

func (o *analyzeOptions) check() error {
	if err := o.output.check(report.Formats); err != nil {
		return err
	}
	if err := o.filter.check(o.output.location); err != nil {
		return err
	}
	return o.verdict.check()
}

// analyze is the pipeline: packets become segments, segments become exchanges, exchanges become findings.
func (o *analyzeOptions) analyze(ctx context.Context, a *app, names []string) (*report.Document, error) {
	p, err := openPipeline(a, names, &o.input, o.output.location)
	if err != nil {
		return nil, err
	}
	defer p.close()

	packets := p.progress.pass(ctx, p.source.Packets())
	segments := p.assembler.Segments(packets)
	events := p.census(p.run.Events(segments))
	findings := p.run.Detect(only(events, &o.filter), p.detectors)

	var kept []analysis.Finding
	for f, err := range findings {
		if err != nil {
			return nil, err
		}
		kept = append(kept, f)
	}
	doc := p.document()
	if err := o.filter.begin(doc.Summary.First); err != nil {
		return nil, err
	}
	for _, f := range kept {
		if o.filter.finding(&f) {
			doc.Findings = append(doc.Findings, f)
		}
	}
	report.Rank(doc.Findings)
	if err := o.verdict.accept(a, doc); err != nil {
		return nil, err
	}
	return doc, nil
}

// each analyses every name alone and gives the worst exit code: findings, then unreadable input.
func (o *analyzeOptions) each(ctx context.Context, a *app, names []string) error {
	for _, out := range o.output.outputs {
		if out.path != "" {
			return usagef("--separate writes to standard output only")
		}
		if !slices.Contains([]report.Format{report.Text, report.NDJSON}, out.format) {
			return usagef("--separate writes text or ndjson only")
		}
	}
	var worst error
	for i, name := range names {
		if i > 0 && o.output.outputs[0].format == report.Text {
			fmt.Fprintln(a.stdout)
		}
		doc, err := o.analyze(ctx, a, []string{name})
		if err == nil {
			if err = o.output.write(a, doc); err != nil {
				return err
			}
			err = o.verdict.exit(doc)
		}
		worst = worseOf(a, worst, err)
	}
	return worst
}
