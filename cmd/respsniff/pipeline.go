package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/reassembly"
)

// pipeline holds the stages of one run over one capture. Its methods turn what the stages know at the end into the
// parts of a report.
type pipeline struct {
	app        *app
	source     *capture.Source
	progress   progress
	assembler  *reassembly.Assembler
	run        *analysis.Run
	detectors  []*analysis.Detector
	mask       report.Mask
	showValues bool
	drops      capture.Drops // from --drops
	clients    map[netip.Addr]bool
	servers    map[netip.AddrPort]bool
	unread     []report.Input // where no capture could be read
}

// openPipeline opens the captures. Without a readable one it fails, unless always is set: the run is then one without
// packets, for outputs that machines read.
func openPipeline(a *app, names []string, in *inputFlags, zone *time.Location, always bool) (*pipeline, error) {
	o, err := in.analysisOptions()
	if err != nil {
		return nil, err
	}
	co, err := in.captureOptions(a, zone)
	if err != nil {
		return nil, err
	}
	source, err := capture.Open(names, co)
	if err != nil && !always {
		return nil, unreadable(hint(err))
	}
	p := &pipeline{app: a, source: source, detectors: detectors.All(), drops: in.dropped, mask: in.masked(), showValues: in.showValues}
	if err != nil {
		a.fail(hint(err))
		p.source, p.unread = &capture.Source{}, unreadInputs(names, err)
	}
	p.progress.a = a
	o.FileName = p.fileName
	p.assembler = reassembly.New(reassembly.Options{Ports: o.Ports})
	p.run = analysis.NewRun(&o)
	p.run.QualityFrom(p.captureQuality)
	return p, nil
}

func (p *pipeline) close() {
	if err := p.source.Close(); err != nil {
		p.app.warn("%v", err)
	}
}

// segments runs the stages up to the segments, of all connections.
func (p *pipeline) segments(ctx context.Context) iter.Seq2[*reassembly.Segment, error] {
	return p.assembler.Batched(p.progress.pass(ctx, p.source))
}

// events runs the stages up to the events, of all connections.
func (p *pipeline) events(ctx context.Context) iter.Seq2[analysis.Event, error] {
	return p.census(p.run.Events(p.segments(ctx)))
}

// unreadInputs describes inputs of which none could be opened.
func unreadInputs(names []string, err error) []report.Input {
	var inputs []report.Input
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, err := range all {
		in := report.Input{File: names[min(i, len(names)-1)], Error: err.Error()}
		if e := (*capture.FormatError)(nil); errors.As(err, &e) {
			in.File = e.File
		}
		inputs = append(inputs, in)
	}
	return inputs
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
		return ""
	}
	return files[file].Name
}

// shownFile names a file in rows, where several were read.
func (p *pipeline) shownFile(file int32) string {
	if len(p.source.Files()) < 2 {
		return ""
	}
	return p.fileName(file)
}

// document gives everything but the findings, when the stages have run.
func (p *pipeline) document() *report.Document {
	d := &report.Document{Tool: report.Tool{Name: "respsniff", Version: version()}, Complete: len(p.unread) == 0, Input: p.unread}
	for _, f := range p.source.Files() {
		in := report.Input{
			File: f.Name, Format: f.Format, Packets: f.Packets, Bytes: f.Bytes, Snaplen: f.Snaplen, First: f.First, Last: f.Last,
			KernelDrops: kernelDrops(f.Drops), Notes: f.Notes,
		}
		if f.Compression != "" {
			in.Format = f.Compression + "+" + in.Format
		}
		for _, l := range f.LinkTypes {
			in.LinkTypes = append(in.LinkTypes, fmt.Sprint(l))
		}
		if f.Err != nil {
			in.Error = f.Err.Error()
			in.Cut = errors.Is(f.Err, capture.ErrCut)
			d.Complete = false
		}
		d.Input = append(d.Input, in)
		p.app.say("%s: %s, %d packets, link types %s", in.File, in.Format, in.Packets, strings.Join(in.LinkTypes, " "))
	}
	for _, err := range p.progress.faults {
		p.app.warn("%v", err)
		d.Complete = false
	}
	if p.progress.stopped {
		d.Warnings = append(d.Warnings, "interrupted: the rest of the capture was not read")
		d.Complete = false
	}
	for _, i := range p.source.Ignored() {
		p.app.say("%s: left out: %s", i.Name, i.Reason)
	}
	d.Quality, d.Summary = p.quality(), p.summary()
	if len(d.Quality.LimitsReached) > 0 || d.Quality.Failed > 0 {
		d.Complete = false
	}
	for _, f := range p.run.Failures() {
		text := p.failureText(&f)
		d.Warnings = append(d.Warnings, text)
		p.app.warn("%s", text)
		for line := range strings.Lines(string(f.Stack)) {
			p.app.say("%s", strings.TrimRight(line, "\n"))
		}
	}
	return d
}

// failureText says of what the analysis failed, for the report and for stderr.
func (p *pipeline) failureText(f *analysis.Failure) string {
	where := "a rule"
	if f.Conn > 0 {
		where = fmt.Sprintf("connection %d", f.Conn)
	}
	if f.Frame > 0 {
		where += fmt.Sprintf(", %s frame %d", p.fileName(f.File), f.Frame)
	}
	return fmt.Sprintf("internal error at %s: %s; this is a fault of respsniff, -v shows where", where, f.Text)
}
