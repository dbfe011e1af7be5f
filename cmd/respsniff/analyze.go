package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/page"
	"github.com/respsniff/respsniff/internal/tally"
	"github.com/spf13/cobra"
)

// analyzeOptions are the flags of the main command.
type analyzeOptions struct {
	input     inputFlags
	filter    filterFlags
	output    outputFlags
	verdict   verdictFlags
	baseline  baselineFlags
	separate  bool
	keepConns bool       // the run keeps a summary of every connection
	connsLoss bound.Loss // what the result lacks without some of them
	always    bool       // there is a document even where no capture can be read
}

func newAnalyzeCommand(a *app) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use:   "analyze FILE... | DIR | -",
		Short: "Find desyncs, leaks and faults in captures",
		Long: `Analyze reads capture files and prints what is wrong with the Redis traffic in them: ranked findings
with evidence. Several files are one capture in time order, as 'tcpdump -C' leaves them, unless
--separate is given.

Exit codes: 0 nothing at or above --fail-on; 1 a finding; 2 some input was not read whole; 3 usage;
4 internal error.`,
		Example: `  respsniff analyze redis.pcap
  tcpdump -i any -s 0 -U -w - port 6379 | respsniff analyze -
  respsniff analyze ring/ -o text -o json=report.json --fail-on critical`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.check(); err != nil {
				return err
			}
			o.always = o.verdict.allowIncomplete || o.output.machine()
			if o.separate && o.input.state != "" {
				return usagef("--state carries from one run to the next; leave out --separate")
			}
			if o.separate {
				return o.each(cmd.Context(), a, capture.Apart(names))
			}
			doc, err := o.analyze(cmd.Context(), a, names)
			if err != nil {
				return err
			}
			if err := o.output.write(a, doc, o.verdict.gate()); err != nil {
				return err
			}
			return o.verdict.exit(doc)
		},
	}
	takesFiles(cmd)
	cmd.Flags().BoolVar(&o.separate, "separate", false, "each file is a capture of its own")
	cmd.Flags().StringVar(&o.input.state, "state", "", "`FILE` that carries what was known of connections and clients from one run to the next, for files that are analysed one by one")
	o.input.add(cmd)
	o.filter.add(cmd, true)
	o.output.add(cmd, report.Formats)
	o.output.shown.add(cmd)
	o.verdict.add(cmd)
	o.baseline.add(cmd)
	return cmd
}

func (o *analyzeOptions) check() error { return o.checkFor(report.Formats) }

func (o *analyzeOptions) checkFor(formats []report.Format) error {
	if err := o.output.check(formats); err != nil {
		return err
	}
	if err := o.filter.check(o.output.location); err != nil {
		return err
	}
	if err := o.baseline.check(o.output.force); err != nil {
		return err
	}
	return o.verdict.check()
}

// document runs the pipeline: packets become segments, segments become events, events become findings. watchers see
// the events as they pass. used is set to the pipeline, for what a caller wants to know afterwards.
func (o *analyzeOptions) document(ctx context.Context, a *app, names []string, used **pipeline, watchers ...func(pairing.Event)) (*report.Document, error) {
	p, err := openPipeline(a, names, &o.input, o.output.location, o.always)
	if err != nil {
		return nil, err
	}
	defer p.close()
	*used = p

	if o.keepConns {
		p.run.KeepConns(o.connsLoss)
	}
	filter := o.filter // of this capture: times of day are of its first day
	matched := filter.Matches()
	if filter.ChoosesCommands() {
		watchers = append(watchers, matched.See)
	}

	if len(watchers) == 0 {
		p.run.ForRules()
	}
	segments := p.segments(ctx)
	if filter.ChoosesConnections() {
		p.tally.OnlyChosen()
	}
	events := p.tally.Events(filter.Events(p.run.Events(segments)))
	var kept []incident.Finding
	for f, err := range p.run.Detect(watch(events, watchers), p.detectors) {
		if err != nil {
			return nil, unreadable(err) // the file does not follow those of --state: others are notes of p.progress
		}
		kept = append(kept, f)
	}

	doc := p.document()
	doc.Reach(tally.Reached(filter.Bounds())...)
	doc.Findings = kept
	doc.Summary.Unmatched = filter.ChoosesCommands() && !matched.Any
	if err := keep(doc, &filter); err != nil {
		return nil, err
	}
	if filter.ChoseNone() {
		text := "no connection in the capture is one that --conn, --client and --server choose"
		doc.Warnings = append(doc.Warnings, text)
		a.warn("%s", text)
	}
	doc.Quality.Weakened = slices.ContainsFunc(doc.Findings, func(f incident.Finding) bool { return f.Weakened })
	report.Rank(doc.Findings)
	doc.Incidents = p.run.Incidents(doc.Findings)
	return doc, nil
}

// analyze makes the document of the main command, with its figures and without what the baseline accepts.
func (o *analyzeOptions) analyze(ctx context.Context, a *app, names []string) (*report.Document, error) {
	var p *pipeline
	var watchers []func(pairing.Event)
	var recorder *report.Recorder
	if o.output.figures() {
		recorder = report.NewRecorder()
		o.keepConns = true
		watchers = append(watchers, func(event pairing.Event) {
			if e, ok := event.(*pairing.Exchange); ok {
				recorder.Exchange(e, e.Session.ID, e.Session.Client, e.Session.Server)
			}
		})
	}
	var traced *page.Recorder
	if o.output.page() {
		o.keepConns = true
		watchers = append(watchers, func(event pairing.Event) {
			if traced == nil {
				traced = p.recorder()
			}
			traced.See(event)
		})
	}
	doc, err := o.document(ctx, a, names, &p, watchers...)
	if err != nil {
		return nil, err
	}
	if err := o.baseline.apply(a, doc, o.filter.Active() || o.separate, o.output.force); err != nil {
		return nil, err
	}
	if len(doc.Suppressed) > 0 {
		doc.Incidents = p.run.Incidents(doc.Findings)
	}
	if recorder != nil {
		doc.Series = recorder.Series(doc.Findings, p.run.Conns())
	}
	if traced != nil {
		doc.Trace = traced.Trace(p.run.Conns(), p.run.Topology().Stalls(), doc.Findings)
	}
	p.mask.Document(doc)
	if !p.progress.Stopped {
		if err := p.carrier.Save(p.fileName); err != nil {
			return nil, unreadable(err)
		}
	}
	return doc, nil
}

// each analyses every name alone and gives the worst exit code: findings, then unreadable input.
func (o *analyzeOptions) each(ctx context.Context, a *app, names []string) error {
	for _, out := range o.output.outputs {
		if len(names) < 2 {
			break
		}
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
			if err = o.output.write(a, doc, o.verdict.gate()); err != nil {
				return err
			}
			err = o.verdict.exit(doc)
		}
		worst = worseOf(a, worst, err)
	}
	return worst
}
