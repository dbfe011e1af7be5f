package live

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"runtime"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
	"github.com/respsniff/respsniff/internal/metrics"
	"github.com/respsniff/respsniff/internal/notice"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/tally"
	"github.com/respsniff/respsniff/reassembly"
)

const (
	// maxFindings is how many findings the report has, worst first.
	maxFindings = 4096
	// maxFaults is how many read errors are reported.
	maxFaults = 16
)

// limits are those of a live run beside the analysis. They only bound what is shown.
type limits struct {
	set              bound.Set
	findings, faults *bound.Bound
}

func (l *limits) init() {
	detail := func(name string, limit int, hides string) *bound.Bound {
		return l.set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Detail})
	}
	l.findings = detail("findings of the report", maxFindings, "further findings, none of them worse")
	l.faults = detail("read errors of the report", maxFaults, "further read errors")
}

// run is one run. Its goroutine pulls the packets through the stages; outputs, recording, evidence and metrics have
// goroutines of their own, for which it never waits.
type run struct {
	o       *Options
	source  Source
	log     *notice.Log
	outputs outputs
	metrics *metrics.Metrics // nil: none; so are record and keeper
	record  *recorder
	keeper  *keeper
	hangups chan os.Signal

	// Of the present analysis.
	assembler *reassembly.Assembler
	analysis  *analysis.Run

	tally    tally.Tally
	input    report.Input
	drops    capture.Drops
	pace     pace
	limits   limits
	ended    int64 // connections that are over
	restarts int64
	renew    bool // begin the analysis anew
	stopped  bool // a limit of the run was reached
	lost     bool // no interface is left
	going    going
	keys     keys
	findings []incident.Finding
	unwanted int64 // findings that the filter left out
	faults   []error
}

// going is how many incidents go on.
type going struct {
	turned int // incident.Register.Turned when open was counted
	open   int
}

// Run captures until ctx is done or a limit is reached, writes the outputs and returns the report. The pipeline is that
// of the analyze command. When memory becomes short the analysis of what is open ends, and another one takes its findings
// over.
func Run(ctx context.Context, source Source, o *Options) (*report.Document, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := o.Filter.Begin(capture.TimeOf(time.Now())); err != nil {
		return nil, &RefusedError{err}
	}
	l := newRun(source, o)
	finish, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	defer finish()
	l.log.Warn("%s; stop with ctrl-C", reading(source))

	for more := true; more; {
		more = l.analyse(ctx, source.Packets(ctx))
	}
	doc, err := l.end()
	if err == nil && l.lost {
		err = capture.ErrNoInterface // the report is written all the same
	}
	return doc, err
}

func reading(source Source) string {
	if _, ok := source.(*Stdin); ok {
		return "reading standard input"
	}
	return "capturing on " + source.Name() + " with " + capture.LiveMethod()
}

func newRun(source Source, o *Options) *run {
	l := &run{
		o: o, source: source, log: &o.Log, hangups: make(chan os.Signal, 1),
		input: report.Input{File: source.Name(), Format: "live", Snaplen: o.Snaplen},
	}
	l.limits.set = bound.Set{Memory: o.Memory, Live: true}
	l.limits.init()
	l.keys.log = keylog.New(&l.limits.set)
	return l
}

// analyse runs one analysis over the packets. It is true if another one is to follow.
func (l *run) analyse(ctx context.Context, packets iter.Seq2[capture.Packet, error]) (again bool) {
	l.begin()
	segments := l.keys.segments(l.assembler.Segments(l.pass(packets)), l.analysis.Bounds())
	events := l.tally.Events(l.o.Filter.Events(l.watch(l.analysis.Events(segments))))
	for f, err := range l.analysis.Detect(events, detectors.All()) {
		switch {
		case err != nil:
			l.fault(err)
		case l.o.Filter.Finding(&f):
			l.finding(&f)
		case f.Early == nil:
			l.unwanted++
		}
	}
	again = l.renew && !l.stopped && ctx.Err() == nil
	if again {
		l.restart()
	}
	return again
}

// begin makes the stages of an analysis, which goes on where the one before ended.
func (l *run) begin() {
	o := l.o.Analysis
	o.Live, o.Memory = true, int64(l.o.Memory)
	o.FileName = func(int32) string { return l.input.File }
	before := l.analysis
	l.assembler = reassembly.New(reassembly.Options{Ports: o.Ports, Memory: o.Memory, Numbered: l.tally.Stats().Conns})
	l.analysis = analysis.NewRun(&o)
	l.analysis.QualityFrom(func() analysis.CaptureQuality {
		return analysis.CaptureQuality{Stats: l.assembler.Stats(), Unread: l.assembler.Unread(), Drops: l.drops}
	})
	l.tally.Watch(l.analysis, l.assembler)
	if before == nil && l.o.Filter.ChoosesConnections() {
		l.tally.OnlyChosen()
	}
	if before != nil {
		l.analysis.Resume(before)
		runtime.GC()
	}
	if l.metrics == nil && !l.o.Filter.ChoosesConnections() {
		l.analysis.ForRules() // a filter learns from exchanges whom early findings may concern
	}
	l.renew = false
}

// watch passes events through and counts what the run shows of them.
func (l *run) watch(events iter.Seq2[pairing.Event, error]) iter.Seq2[pairing.Event, error] {
	return func(yield func(pairing.Event, error) bool) {
		for event, err := range events {
			if _, ok := event.(*analysis.ConnSummary); ok {
				l.ended++
			}
			if l.metrics != nil && err == nil {
				l.metrics.Event(event)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// finding takes what the rules report, early or at the end of an analysis.
func (l *run) finding(f *incident.Finding) {
	if f.Early != nil {
		l.early(f)
		if l.keeper != nil && f.Severity > incident.Info && f.Early.News != incident.NewsOver {
			l.keeper.found(f)
		}
		return
	}
	if l.limits.findings.Admits(len(l.findings)) {
		l.findings = append(l.findings, *f)
	}
}

func (l *run) fault(err error) {
	l.log.Warn("%v", err)
	l.lost = l.lost || errors.Is(err, capture.ErrNoInterface)
	if l.limits.faults.Admits(len(l.faults)) {
		l.faults = append(l.faults, err)
	}
}

// restart gives up what the analysis holds, but for what the next one takes over: the findings come again at its end.
func (l *run) restart() {
	l.restarts++
	l.findings, l.unwanted = nil, 0
	l.log.Warn("memory is short: the analysis began anew; connections that are open now are followed from here on")
}

// document makes the report of the whole run so far, without findings.
func (l *run) document() *report.Document {
	l.readDrops()
	d := &report.Document{Tool: l.o.Tool, Label: l.o.Label, Complete: len(l.faults) == 0, Input: []report.Input{l.input}, Summary: l.tally.Summary()}
	d.Summary.Packets, d.Summary.First, d.Summary.Last = l.input.Packets, l.input.First, l.input.Last
	d.Summary.Filtered = l.o.Filter.LeftOut(l.unwanted)
	l.tally.Complete(d, l.drops, l.log, func(int32) string { return l.input.File })
	d.Reach(l.reached()...)
	for _, err := range l.faults { // an interface that is gone, a stream that is cut
		d.Warnings = append(d.Warnings, err.Error())
	}
	for _, x := range []struct {
		n    int64
		what string
	}{
		{l.outputs.skipped(), "messages were skipped because an output was too slow"},
		{l.skippedPackets(), "packets were not recorded because the disk was too slow"},
	} {
		if x.n > 0 {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return d
}

// reached returns the limits that were reached beside those of the stages.
func (l *run) reached() []report.Bound {
	all := append(tally.Reached(&l.limits.set), tally.Reached(l.o.Filter.Bounds())...)
	if l.keeper != nil {
		all = append(all, tally.Reached(&l.keeper.limits.set)...)
	}
	if l.metrics != nil {
		all = append(all, tally.Reached(l.metrics.Bounds())...)
	}
	if l.restarts > 0 {
		all = append(all, report.Bound{
			Name: "--memory-limit", Limit: l.o.Memory, Hits: l.restarts, Loses: report.Evidence,
			Hides: "what began before the analysis began anew",
		})
	}
	return all
}

func (l *run) skippedPackets() int64 {
	if l.record == nil {
		return 0
	}
	return l.record.skipped
}
