package main

import (
	"context"
	"fmt"
	"iter"
	"os"
	"runtime"
	"runtime/metrics"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	livemetrics "github.com/respsniff/respsniff/internal/metrics"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
)

const (
	// lookEvery is how many packets pass between two looks at clocks and limits on a busy link.
	lookEvery = 1 << 10
	// statsEvery is how often the kernel's counters are read and the metrics updated.
	statsEvery = time.Second
	// memoryShare of --memory-limit in use begins the analysis anew: what is left is for outputs and evidence.
	memoryShare = 0.75
	// maxKept bounds the findings of earlier analyses of the run.
	maxKept = 4096
)

// liveRun is one run of live. Its goroutine pulls the packets through the stages; outputs, recording, evidence and
// metrics have goroutines of their own, for which it never waits.
type liveRun struct {
	o       *liveOptions
	app     *app
	source  *capture.Live
	p       *pipeline // of the present analysis
	metrics *livemetrics.Metrics
	record  *recorder
	keeper  *keeper
	outputs []*liveOutput
	log     *stream
	hangups chan os.Signal

	input    report.Input
	drops    capture.Drops
	looked   int64        // packets at the last look
	now      capture.Time // by packets and ticks
	began    capture.Time
	stats    time.Time    // of the last look at counters
	shown    capture.Time // of the last line of figures
	shownAt  int64        // packets then
	ended    int64        // connections that are over, of this analysis
	renew    bool         // begin the analysis anew
	stopped  bool         // a limit of the run was reached
	restarts int64
	before   analysis.Summary // of earlier analyses
	owed     report.Quality
	kept     map[string]*analysis.Finding
	told     map[string]bool // by fingerprint: text shows the facts of a finding once
	faults   []error
}

// run captures until it is told to stop. The pipeline is that of analyze; when memory is short it ends, which gives the
// last word on its findings, and another one begins.
func (o *liveOptions) run(ctx context.Context, a *app) (err error) {
	options, err := o.analyze.input.analysisOptions()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &liveRun{o: o, app: a, kept: map[string]*analysis.Finding{}, told: map[string]bool{}, hangups: make(chan os.Signal, 1)}
	if l.source, err = o.open(); err != nil {
		return err
	}
	defer l.source.Close()
	if err := o.analyze.filter.begin(capture.TimeOf(time.Now())); err != nil {
		return err
	}
	l.input = report.Input{File: l.source.Name(), Format: "live", Snaplen: o.snaplen}
	finish, err := l.start(ctx)
	if err != nil {
		return err
	}
	defer finish()
	a.warn("capturing on %s with %s; stop with ctrl-C", l.source.Name(), capture.LiveMethod())

	for more := true; more; {
		more = l.analyse(ctx, l.source.Packets(ctx), options)
	}
	return l.end()
}

// analyse runs one analysis over the packets. It is true if another one is to follow.
func (l *liveRun) analyse(ctx context.Context, packets iter.Seq2[capture.Packet, error], o analysis.Options) bool {
	o.Live = true
	o.FileName = func(int32) string { return l.input.File }
	l.p = &pipeline{
		app: l.app, source: &capture.Source{}, detectors: detectors.All(), mask: l.o.analyze.input.masked(), showValues: o.ShowValues,
		assembler: reassembly.New(reassembly.Options{Ports: o.Ports}), run: analysis.NewRun(&o),
	}
	l.p.run.QualityFrom(l.p.captureQuality)
	if l.metrics == nil && !l.o.analyze.filter.choosesConnections() {
		l.p.run.ForRules() // a filter learns from exchanges whom early findings may concern
	}
	l.ended, l.renew = 0, false

	segments := l.p.assembler.Segments(l.pass(packets))
	events := only(watch(l.p.census(l.p.run.Events(segments)), []func(analysis.Event){l.event}), &l.o.analyze.filter)
	for f, err := range l.p.run.Detect(events, l.p.detectors) {
		if err != nil {
			l.fault(err)
			continue
		}
		l.finding(&f)
	}
	again := l.renew && !l.stopped && ctx.Err() == nil
	if again {
		l.restart()
	}
	return again
}

// pass hands packets on, with what goes on beside the analysis. It ends with the run or with this analysis.
func (l *liveRun) pass(packets iter.Seq2[capture.Packet, error]) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for p, err := range packets {
			if err != nil {
				l.fault(err)
				continue
			}
			if p.Length > 0 {
				l.count(&p)
			}
			l.now = max(l.now, p.Time)
			if p.Length == 0 || l.input.Packets-l.looked >= lookEvery {
				l.look(p.Time)
			}
			if !yield(p, nil) || l.stopped || l.renew {
				return
			}
		}
	}
}

func (l *liveRun) count(p *capture.Packet) {
	in, at := &l.input, &l.p.progress
	if in.Packets == 0 {
		in.First, in.Last = p.Time, p.Time
	}
	in.Packets++
	in.Bytes += int64(len(p.Data))
	in.First, in.Last = min(in.First, p.Time), max(in.Last, p.Time)
	at.earliest, at.latest = in.First, in.Last
	if l.began == 0 {
		l.began, l.shown = p.Time, p.Time
	}
	if l.record != nil {
		l.record.put(p)
	}
	if l.keeper != nil {
		l.keeper.see(p)
	}
	if l.o.count > 0 && in.Packets >= l.o.count {
		l.stopped = true
	}
}

// look does what is due at a moment.
func (l *liveRun) look(at capture.Time) {
	l.looked = l.input.Packets
	if l.began == 0 {
		l.began, l.shown = at, at
	}
	if l.o.maxTime > 0 && l.now.Sub(l.began) >= l.o.maxTime {
		l.stopped = true
	}
	select {
	case <-l.hangups:
		if l.record != nil {
			l.record.rotate()
		}
	default:
	}
	l.p.run.Tick(at)
	if l.keeper != nil {
		l.keeper.tick(l.now)
	}
	if l.o.interval > 0 && l.now.Sub(l.shown) >= l.o.interval {
		l.figures()
	}
	if now := time.Now(); now.Sub(l.stats) >= statsEvery {
		l.stats = now
		if l.record != nil {
			l.record.flush()
		}
		l.readDrops()
		l.measure()
		l.renew = l.renew || memoryUsed() > memoryShare*float64(l.app.memory)
	}
}

func (l *liveRun) readDrops() {
	d, err := l.source.Drops()
	if err != nil {
		return // an interface that is gone has no counters
	}
	l.drops = d
	l.p.drops = d
	l.input.KernelDrops = kernelDrops(d)
}

// memoryUsed returns the bytes that the Go runtime holds, as its soft limit counts them.
func memoryUsed() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64() - s[1].Value.Uint64() - s[2].Value.Uint64())
}

// event looks at an event before the rules do.
func (l *liveRun) event(event analysis.Event) {
	if _, ok := event.(*analysis.ConnSummary); ok {
		l.ended++
	}
	if l.metrics != nil {
		l.metrics.Event(event)
	}
}

// finding takes what the rules say, early or for the last time.
func (l *liveRun) finding(f *analysis.Finding) {
	if !l.o.analyze.filter.finding(f) {
		return
	}
	if l.metrics != nil {
		l.metrics.Finding(f)
	}
	if f.Early {
		l.tell(f)
		if l.keeper != nil {
			l.keeper.found(f)
		}
		return
	}
	k := l.kept[f.Fingerprint]
	switch {
	case k == nil && len(l.kept) < maxKept:
		l.kept[f.Fingerprint] = f
	case k != nil:
		merge(k, f)
	}
}

// merge adds what a later analysis of the same run has found. Its connections are others.
func merge(k, f *analysis.Finding) {
	k.Count += f.Count
	k.Connections += f.Connections
	k.First, k.Last = min(k.First, f.First), max(k.Last, f.Last)
	k.Severity, k.Confidence = max(k.Severity, f.Severity), max(k.Confidence, f.Confidence)
	k.Weakened = k.Weakened || f.Weakened
	k.Examples = append(k.Examples, f.Examples...)
	if most := 5; len(k.Examples) > most {
		k.Examples = k.Examples[:most]
	}
}

func (l *liveRun) fault(err error) {
	l.app.warn("%v", err)
	if len(l.faults) < 16 {
		l.faults = append(l.faults, err)
	}
}

// restart notes that the analysis begins anew.
func (l *liveRun) restart() {
	l.restarts++
	s, q := l.p.run.Summary(), l.p.quality()
	b := &l.before
	b.Connections += s.Connections
	b.RESP += s.RESP
	b.Commands += s.Commands
	b.Replies += s.Replies
	b.Unsaid += s.Unsaid
	l.owed.LostBytes += q.LostBytes
	l.owed.Holes += q.Holes
	l.owed.CutPackets += q.CutPackets
	l.p = nil
	runtime.GC()
	l.app.warn("memory is short: the analysis began anew; connections that are open now are followed from here on")
	if l.metrics != nil {
		l.metrics.Forget()
	}
}

// document makes the report of the whole run so far, without findings.
func (l *liveRun) document() *report.Document {
	l.readDrops()
	d := l.p.document()
	d.Input = []report.Input{l.input}
	s, b := &d.Summary, &l.before
	s.Packets = l.input.Packets
	s.Connections += b.Connections
	s.Redis += b.RESP
	s.Commands += b.Commands
	s.Replies += b.Replies
	s.Unsaid += b.Unsaid
	d.Quality.LostBytes += l.owed.LostBytes
	d.Quality.Holes += l.owed.Holes
	d.Quality.CutPackets += l.owed.CutPackets
	if l.restarts > 0 {
		d.Quality.LimitsReached = append(d.Quality.LimitsReached, fmt.Sprintf("--memory-limit: the analysis began anew, %d times", l.restarts))
		d.Complete = false
	}
	for _, err := range l.faults {
		d.Warnings = append(d.Warnings, err.Error())
	}
	for _, x := range []struct {
		n    int64
		what string
	}{
		{l.skippedMessages(), "messages were skipped because an output was too slow"},
		{l.skippedPackets(), "packets were not recorded because the disk was too slow"},
	} {
		if x.n > 0 {
			d.Warnings = append(d.Warnings, fmt.Sprintf("%d %s", x.n, x.what))
		}
	}
	return d
}

func (l *liveRun) skippedMessages() (n int64) {
	for _, out := range l.outputs {
		n += out.stream.skipped.Load()
	}
	return n
}

func (l *liveRun) skippedPackets() int64 {
	if l.record == nil {
		return 0
	}
	return l.record.skipped
}

// measure updates the metrics.
func (l *liveRun) measure() {
	if l.metrics == nil {
		return
	}
	s, st := l.p.run.Summary(), l.p.assembler.Stats()
	state := livemetrics.State{
		Packets: l.input.Packets, Bytes: l.input.Bytes, KernelDrops: l.drops.Kernel, InterfaceDrops: l.drops.Interface,
		LostBytes: st.LostBytes + l.owed.LostBytes, Connections: s.Connections + l.before.Connections, Open: s.Connections - l.ended,
		Outstanding: int64(l.p.run.Outstanding()), Commands: s.Commands + l.before.Commands, Replies: s.Replies + l.before.Replies,
		LimitHits: st.Evicted + st.HoleCaps + s.Capped + l.restarts, Restarts: l.restarts,
		OutputSkipped: l.skippedMessages(), RecordSkipped: l.skippedPackets(), CaptureTimestamp: float64(l.now) / 1e9,
	}
	if l.keeper != nil {
		state.EvidenceFiles, state.EvidenceSkipped = l.keeper.written.Load(), l.keeper.skipped.Load()
	}
	l.metrics.Update(state)
}
