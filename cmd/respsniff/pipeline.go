package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/progress"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/page"
	"github.com/respsniff/respsniff/internal/state"
	"github.com/respsniff/respsniff/internal/tally"
	"github.com/respsniff/respsniff/internal/terminal"
	"github.com/respsniff/respsniff/internal/tlsrecord"
	"github.com/respsniff/respsniff/reassembly"
)

// pipeline holds the stages of one run over one capture. Its methods turn what the stages know at the end into the
// parts of a report.
type pipeline struct {
	app        *app
	source     *capture.Source
	progress   progress.Meter
	assembler  *reassembly.Assembler
	records    *tlsrecord.Stage
	run        *analysis.Run
	detectors  []*analysis.Detector
	tally      tally.Tally
	mask       report.Mask
	label      report.Label
	showValues bool
	drops      capture.Drops  // from --drops
	unread     []report.Input // where no capture could be read
	carrier    *state.Carrier // of --state; nil without
	// through sees the segments before the analysis does; nil: nothing does.
	through func(iter.Seq2[*reassembly.Segment, error]) iter.Seq2[*reassembly.Segment, error]
}

// openPipeline opens the captures. Without a readable one it fails, unless always is set: the run is then one without
// packets, for outputs that machines read.
func openPipeline(a *app, names []string, in *inputFlags, zone *time.Location, always bool) (*pipeline, error) {
	o, err := in.analysisOptions(a)
	if err != nil {
		return nil, err
	}
	co, err := in.captureOptions(a, zone)
	if err != nil {
		return nil, err
	}
	p := &pipeline{app: a, detectors: detectors.All(), drops: in.dropped, mask: in.masked(), label: in.label, showValues: in.showValues}
	o.FileName, o.Memory = p.fileName, int64(a.memory)
	p.run = analysis.NewRun(&o)
	keys, err := in.keys(a, p.run.Bounds())
	if err != nil {
		return nil, err
	}
	co.Secrets = keys.Stream().Block
	p.source, err = capture.Open(names, co)
	if err != nil && !always {
		return nil, unreadable(hint(err))
	}
	if err != nil {
		a.fail(hint(err))
		p.source, p.unread = &capture.Source{}, tally.Unread(names, err)
	}
	keys.Missing = p.source.Secrets
	p.progress = progress.Meter{W: a.stderr, Columns: terminal.Columns(a.stderr), Quiet: a.quiet}
	p.assembler = reassembly.New(reassembly.Options{Ports: o.Ports, Memory: o.Memory})
	p.records = tlsrecord.New(keys, p.run.Bounds())
	p.run.QualityFrom(p.captureQuality)
	p.tally.Watch(p.run, p.assembler)
	p.carrier, err = state.NewCarrier(in.state, o, p.detectors)
	if err != nil {
		return nil, unreadable(fmt.Errorf("--state: %w", err))
	}
	return p, nil
}

func (p *pipeline) close() {
	if err := p.source.Close(); err != nil {
		p.app.warn("%v", err)
	}
}

// segments runs the stages up to the segments, of all connections.
func (p *pipeline) segments(ctx context.Context) iter.Seq2[*reassembly.Segment, error] {
	return p.records.Segments(p.carrier.Around(p.run, p.assembler.Batched, p.progress.Batches(ctx, p.source)))
}

// events runs the stages up to the events, of all connections.
func (p *pipeline) events(ctx context.Context) iter.Seq2[pairing.Event, error] {
	segments := p.segments(ctx)
	if p.through != nil {
		segments = p.through(segments)
	}
	return p.tally.Events(p.run.Events(segments))
}

// hint adds what to do to an error of opening captures.
func hint(err error) error {
	switch {
	case errors.Is(err, capture.ErrNotCapture) && !strings.Contains(err.Error(), "repeat tcpdump"):
		return fmt.Errorf("%w\nwant pcap, pcapng (also gzip or zstd) or 'tcpdump -X' text", err)
	case errors.Is(err, capture.ErrLimit):
		return fmt.Errorf("%w\nraise --max-decompressed if the file can be trusted", err)
	}
	return err
}

func (p *pipeline) fileName(file int32) string {
	files := p.source.Files()
	if file < 0 || int(file) >= len(files) {
		return p.carrier.FileName(file)
	}
	return files[file].Name
}

// warnSealed says of rows of commands that some are missing in them, as nobody can read them.
func (p *pipeline) warnSealed() {
	if n := p.run.Summary().Sealed; n > 0 {
		p.app.warn("%s encrypted, and not read: nothing of what was said there is in this output; --keylog gives the TLS secrets", report.CountAs(n, "connection is", "connections are"))
	}
}

// shownFile names a file in rows, where several were read, or the rows are of a fleet.
func (p *pipeline) shownFile(file int32) string {
	if len(p.source.Files()) < 2 && p.label == (report.Label{}) {
		return ""
	}
	return p.fileName(file)
}

// document gives everything but the findings, when the stages have run.
func (p *pipeline) document() *report.Document {
	log := p.app.log()
	d := &report.Document{Tool: tool(), Label: p.label, Complete: len(p.unread) == 0, Input: p.unread}
	for _, f := range p.source.Files() {
		in := tally.Input(&f)
		d.Complete = d.Complete && in.Error == ""
		d.Input = append(d.Input, in)
		log.Detail("%s: %s, %d packets, link types %s", in.File, in.Format, in.Packets, strings.Join(in.LinkTypes, " "))
	}
	for _, err := range p.progress.Faults {
		log.Warn("%v", err)
		d.Complete = false
	}
	if p.progress.Stopped {
		d.Warnings = append(d.Warnings, "interrupted: the rest of the capture was not read")
		d.Complete = false
	}
	for _, i := range p.source.Ignored() {
		log.Detail("%s: left out: %s", i.Name, i.Reason)
	}
	d.Summary = p.tally.Summary()
	d.Summary.First, d.Summary.Last = p.progress.Earliest, p.progress.Latest
	p.tally.Complete(d, p.captureQuality().Drops, log, p.fileName)
	p.carrier.Complete(d)
	return d
}

// captureQuality is what rules on the capture itself know.
func (p *pipeline) captureQuality() analysis.CaptureQuality {
	q := analysis.CaptureQuality{Stats: p.carrier.Stats(p.assembler.Stats()), Unread: p.assembler.Unread(), Drops: p.drops}
	for _, f := range p.source.Files() {
		q.Drops = q.Drops.Plus(f.Drops)
	}
	return q
}

// recorder returns what records the traffic for the page, in a quarter of the memory limit.
func (p *pipeline) recorder() *page.Recorder {
	o := page.Options{Mask: p.mask, Bounds: p.run.Bounds(), Memory: int64(p.app.memory) / 4}
	if p.showValues {
		o.Value = func(e *pairing.Exchange) string { return p.run.Describe(e, &e.Serves) }
	}
	return page.NewRecorder(o)
}

// rulesOn names the rules that fired on a connection, when a run that kept its connections is over.
func (p *pipeline) rulesOn(conn int64) []string {
	for _, c := range p.run.Conns() {
		if c.ID == conn {
			return c.Findings
		}
	}
	return nil
}

// watch passes events through and shows them to the watchers.
func watch(events iter.Seq2[pairing.Event, error], watchers []func(pairing.Event)) iter.Seq2[pairing.Event, error] {
	if len(watchers) == 0 {
		return events
	}
	return func(yield func(pairing.Event, error) bool) {
		for event, err := range events {
			if err == nil {
				for _, see := range watchers {
					see(event)
				}
			}
			if !yield(event, err) {
				return
			}
		}
	}
}
