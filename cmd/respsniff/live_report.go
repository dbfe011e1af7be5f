package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// liveOutput is a text or ndjson output, which grows while the run goes on.
type liveOutput struct {
	output
	options report.Options
	stream  *stream
	file    *os.File // nil: standard output
}

// openOutputs opens what is written while the run goes on.
func (l *liveRun) openOutputs() error {
	for _, out := range l.o.analyze.output.outputs {
		if !streams(out.format) {
			// Written at the end, hours from now: what will fail then, now that rights are dropped, is said before.
			if err := checkWritable(out.path); err != nil {
				return usagef("-o: %v", err)
			}
			continue
		}
		x := &liveOutput{output: out, options: l.o.analyze.output.options(l.app, out)}
		var w io.Writer = l.app.stdout
		if out.path != "" {
			flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
			if l.o.analyze.output.force {
				flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
			} else if info, err := os.Stat(out.path); err == nil && !info.Mode().IsRegular() {
				flags = os.O_WRONLY // a pipe, /dev/null
			}
			f, err := os.OpenFile(out.path, flags, 0o600)
			if err != nil {
				return usagef("-o: %v", err)
			}
			x.file, w = f, f
		}
		x.stream = newStream(w)
		l.outputs = append(l.outputs, x)
	}
	return nil
}

// send renders a message for each output of a format and sends it.
func (l *liveRun) send(format report.Format, render func(*liveOutput) []byte) {
	for _, out := range l.outputs {
		if out.format == format {
			out.stream.send(render(out))
		}
	}
}

// maxToldFacts bounds the facts that text shows of a finding at once; the report at the end has all.
const maxToldFacts = 4

// tell writes a finding as soon as it stands.
func (l *liveRun) tell(f *analysis.Finding) {
	doc := report.Document{Findings: []analysis.Finding{*f}}
	masked := &doc.Findings[0]
	masked.Examples = slices.Clone(f.Examples)
	l.p.mask.Document(&doc)
	again := l.told[f.Fingerprint]
	if len(l.told) < maxKept {
		l.told[f.Fingerprint] = true
	}
	l.send(report.NDJSON, func(*liveOutput) []byte { return ndjsonFinding(masked) })
	l.send(report.Text, func(out *liveOutput) []byte {
		var b bytes.Buffer
		masked := l.clock(out).Finding(*masked)
		fmt.Fprintf(&b, "%s  %s (%s)  %s %s  %s -> %s%s\n    %s\n", l.moment(out, masked.Last), strings.ToUpper(masked.Severity.String()),
			masked.Confidence, masked.Rule, masked.Name, addrWord(masked.Client.IsValid(), masked.Client), addrWord(masked.Server.IsValid(), masked.Server),
			inBrackets(report.Printable(masked.Library)), report.Printable(masked.Title))
		if len(masked.Examples) > 0 && !again {
			e := &masked.Examples[0]
			for _, fact := range e.Facts[:min(len(e.Facts), maxToldFacts)] {
				fmt.Fprintf(&b, "    - %s\n", report.Printable(fact))
			}
			if e.Filter != "" {
				fmt.Fprintf(&b, "    %s\n", report.Printable(e.Filter))
			}
		}
		return b.Bytes()
	})
}

// clock is how an output shows moments: relative ones count from the first packet.
func (l *liveRun) clock(out *liveOutput) report.Clock {
	c := out.options.Clock
	c.Start = l.began
	return c
}

// moment is how a line of an output begins.
func (l *liveRun) moment(out *liveOutput, t capture.Time) string {
	return dated(l.clock(out), t)
}

// dated gives a moment with its zone.
func dated(c report.Clock, t capture.Time) string {
	return strings.TrimSpace(c.Full(t, c.Start) + " " + c.ZoneName(t))
}

func addrWord(valid bool, a fmt.Stringer) string {
	if !valid {
		return "any"
	}
	return a.String()
}

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return " (" + s + ")"
}

// ndjsonFinding gives the line of a finding.
func ndjsonFinding(f *analysis.Finding) []byte {
	var b bytes.Buffer
	if err := report.WriteNDJSON(&b, &report.Document{Findings: []analysis.Finding{*f}}); err != nil {
		return nil // a buffer takes everything
	}
	line, _, _ := bytes.Cut(b.Bytes(), []byte("\n"))
	return append(bytes.Clone(line), '\n')
}

// figures writes the line of figures.
func (l *liveRun) figures() {
	span := l.now.Sub(l.shown)
	packets := l.input.Packets - l.shownAt
	l.shown, l.shownAt = l.now, l.input.Packets
	if !slices.ContainsFunc(l.outputs, func(o *liveOutput) bool { return streams(o.format) }) {
		return
	}
	d := l.document()
	l.p.mask.Document(d)
	open := l.p.run.Summary().Connections - l.ended
	l.send(report.NDJSON, func(*liveOutput) []byte {
		var b bytes.Buffer
		if err := report.WriteNDJSON(&b, d); err != nil {
			return nil
		}
		return bytes.Replace(b.Bytes(), []byte(`{"type":"summary"`), []byte(`{"type":"interval"`), 1)
	})
	l.send(report.Text, func(out *liveOutput) []byte {
		return fmt.Appendf(nil, "%s  %d packets (%.0f/s), %d dropped; %d connections, %d open; %d commands, %d outstanding\n", l.moment(out, l.now),
			d.Summary.Packets, float64(packets)/max(span.Seconds(), 1e-3), d.Quality.KernelDrops, d.Summary.Connections, open, d.Summary.Commands,
			l.p.run.Outstanding())
	})
}

// evidenceLine tells where the packets of a finding are.
type evidenceLine struct {
	Type        string `json:"type"`
	Rule        string `json:"rule"`
	Fingerprint string `json:"fingerprint"`
	File        string `json:"file"`
}

// keptIn tells that the packets of a finding are in a file. It is called from the goroutine that wrote it.
func (l *liveRun) keptIn(file string, f *analysis.Finding) {
	l.send(report.NDJSON, func(*liveOutput) []byte {
		line, err := json.Marshal(evidenceLine{"evidence", report.Printable(f.Rule), report.Printable(f.Fingerprint), report.Printable(file)})
		if err != nil {
			return nil
		}
		return append(line, '\n')
	})
	l.send(report.Text, func(out *liveOutput) []byte {
		return fmt.Appendf(nil, "%s  evidence of %s %s: %s\n", dated(out.options.Clock, capture.TimeOf(time.Now())), f.Rule, f.Name, report.Printable(file))
	})
}

// end writes the whole report and gives the exit code.
func (l *liveRun) end() error {
	if l.keeper != nil {
		l.keeper.close()
	}
	d := l.document()
	for _, f := range l.kept {
		d.Findings = append(d.Findings, *f)
	}
	d.Quality.Weakened = slices.ContainsFunc(d.Findings, func(f analysis.Finding) bool { return f.Weakened })
	report.Rank(d.Findings)
	l.measure()
	l.p.mask.Document(d)
	for _, out := range l.outputs {
		out.options.Fails = l.o.analyze.verdict.fails
		var b bytes.Buffer
		err := report.Write(&b, out.format, d, out.options)
		if failed := out.stream.end(b.Bytes()); err == nil {
			err = failed
		}
		if out.file != nil {
			if failed := out.file.Close(); err == nil {
				err = failed
			}
		}
		if err != nil {
			return unreadable(fmt.Errorf("-o %s: %w", out.format, err))
		}
	}
	for _, out := range l.o.analyze.output.outputs {
		if streams(out.format) {
			continue
		}
		options := l.o.analyze.output.options(l.app, out)
		options.Fails = l.o.analyze.verdict.fails
		if err := l.o.analyze.output.to(l.app, out, func(w io.Writer) error { return report.Write(w, out.format, d, options) }); err != nil {
			return err
		}
	}
	return l.o.analyze.verdict.exit(d)
}
