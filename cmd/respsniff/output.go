package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/formats"
	"github.com/respsniff/respsniff/internal/terminal"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/spf13/cobra"
)

// outputFlags are what is written, where, and how people see it.
type outputFlags struct {
	specs []string
	force bool
	color string
	clock string
	zone  string
	shown shownFlags

	outputs  []output
	location *time.Location
	style    report.ClockStyle
}

// output is one -o.
type output struct {
	format report.Format
	path   string // "": standard output
}

func (o *outputFlags) add(cmd *cobra.Command, formats []report.Format) {
	o.addFormats(cmd, formats, "overwrite output files")
	f := cmd.Flags()
	f.StringVar(&o.color, "color", "auto", "`WHEN` text has colours: auto, always or never; NO_COLOR and CLICOLOR_FORCE are obeyed by auto")
	f.StringVar(&o.clock, "time", "abs", "`STYLE` of times in text: abs, rel, delta or epoch")
	o.addZone(cmd)
	under(cmd, headOutput)
	must(cmd.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp)))
	must(cmd.RegisterFlagCompletionFunc("time", cobra.FixedCompletions([]string{"abs", "rel", "delta", "epoch"}, cobra.ShellCompDirectiveNoFileComp)))
}

// addFormats adds the flags of what is written and where. force is the help of --force.
func (o *outputFlags) addFormats(cmd *cobra.Command, formats []report.Format, force string) {
	words := make([]string, len(formats))
	for i, f := range formats {
		words[i] = string(f)
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.specs, "output", "o", []string{"text"}, "`FORMAT[=PATH]`, repeatable: "+strings.Join(words, ", "))
	f.BoolVar(&o.force, "force", false, force)
	under(cmd, headOutput)
	must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoSpace)))
}

func (o *outputFlags) addZone(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.zone, "tz", "Local", "time `ZONE` of text, of --since and of captures in text form: Local, UTC or Area/City")
	under(cmd, headOutput)
}

// must is for mistakes that only a programmer can make.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// check reads the flags and refuses what could only fail after a long run.
func (o *outputFlags) check(formats []report.Format) error {
	location, err := time.LoadLocation(o.zone)
	if err != nil {
		return usagef("--tz %s: want Local, UTC or a name such as Europe/Berlin", o.zone)
	}
	o.location = location
	if o.style, err = report.ParseClockStyle(cmp.Or(o.clock, "abs")); err != nil {
		return &exitError{exitUsage, err}
	}
	if !slices.Contains([]string{"", "auto", "always", "never"}, o.color) {
		return usagef("--color %s: want auto, always or never", o.color)
	}
	paths := map[string]bool{}
	for _, spec := range o.specs {
		word, path, _ := strings.Cut(spec, "=")
		format, err := report.ParseFormat(word)
		if err != nil {
			return &exitError{exitUsage, err}
		}
		if !slices.Contains(formats, format) {
			return usagef("-o %s: this command cannot write %s", spec, word)
		}
		if path == "-" {
			path = ""
		} else if path != "" {
			path = filepath.Clean(path)
		}
		if paths[path] {
			return usagef("-o %s: two outputs go to %s", spec, cmp.Or(path, "standard output"))
		}
		paths[path] = true
		if err := checkOutput("-o "+spec, path, o.force); err != nil {
			return err
		}
		o.outputs = append(o.outputs, output{format, path})
	}
	return nil
}

// allExamples is more than the analysis keeps of any finding.
const allExamples = 1000

// figures reports whether some output has the figures of report.Series.
func (o *outputFlags) figures() bool {
	return slices.ContainsFunc(o.outputs, func(out output) bool {
		return out.format == report.JSON || out.format == report.NDJSON
	})
}

// page reports whether some output is the page, for which the traffic is recorded.
func (o *outputFlags) page() bool {
	return slices.ContainsFunc(o.outputs, func(out output) bool { return out.format == report.HTML })
}

// machine reports whether some output is for machines, which want a document even of a run that read nothing.
func (o *outputFlags) machine() bool {
	return slices.ContainsFunc(o.outputs, func(out output) bool { return out.format != report.Text })
}

// options gives what the writers need for one output.
func (o *outputFlags) options(a *app, out output) report.Options {
	options := report.Options{
		Color: out.path == "" && a.colored(o.color),
		Clock: report.Clock{Style: o.style, Zone: o.location},
		Page:  detectors.Page,
	}
	options.Verbose, options.Incident, options.All = a.verbose, o.shown.incident, o.shown.all
	if out.path == "" {
		options.Width = report.TextWidth(terminal.Columns(a.stdout))
	}
	if a.verbose || o.shown.incident > 0 {
		options.MaxExamples = allExamples
	}
	return options
}

// shownFlags are how much of the incidents text shows.
type shownFlags struct {
	incident int
	all      bool
}

func (s *shownFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.IntVar(&s.incident, "incident", 0, "text: only the incident of this `NUMBER`, with the evidence of its findings")
	f.BoolVar(&s.all, "all", false, "text: all incidents with their stories, and all connections of each")
	under(cmd, headOutput)
}

// check refuses a number that no incident has.
func (s *shownFlags) check(d *report.Document) error {
	if s.incident < 0 || s.incident > len(d.Incidents) {
		return usagef("--incident %d: the run has %d", s.incident, len(d.Incidents))
	}
	return nil
}

// write judges the document and writes it in every format asked for.
func (o *outputFlags) write(a *app, d *report.Document, gate report.Gate) error {
	if err := o.shown.check(d); err != nil {
		return err
	}
	d.Judge(gate)
	for _, out := range o.outputs {
		options := o.options(a, out)
		options.Gate = gate
		err := o.to(a, out, func(w io.Writer) error { return formats.Write(w, out.format, d, options) })
		if err != nil {
			return err
		}
	}
	return nil
}

// to writes one output to its place.
func (o *outputFlags) to(a *app, out output, write func(io.Writer) error) error {
	if out.path == "" {
		if err := write(a.stdout); err != nil {
			return unreadable(fmt.Errorf("standard output: %w", err))
		}
		return nil
	}
	if err := wholefile.Write(out.path, o.force, write); err != nil {
		return unreadable(err)
	}
	return nil
}

// checkOutput refuses a path, given by a flag, that could only fail after a long run.
func checkOutput(flag, path string, force bool) error {
	if wholefile.Exists(path) && !force {
		return usagef("%s: the file exists: choose another name or give --force", flag)
	}
	if err := wholefile.Check(path); err != nil {
		return usagef("%s: %v", flag, err)
	}
	return nil
}

// overInput refuses a command that would write onto what it reads, with --force too.
func (a *app) overInput(cmd *cobra.Command, names []string) error {
	read, _ := cmd.Flags().GetStringArray("read-file")
	names = slices.Concat(names, read)
	for _, flag := range []string{"output", "write-baseline", "state"} {
		specs, err := cmd.Flags().GetStringArray(flag)
		if err != nil {
			one, _ := cmd.Flags().GetString(flag)
			specs = []string{one}
		}
		for _, spec := range specs {
			path := spec
			if _, after, ok := strings.Cut(spec, "="); ok && err == nil {
				path = after
			}
			if input, same := wholefile.Input(path, names, a.stdin); same {
				return usagef("--%s %s: that is %s, which is read", flag, spec, input)
			}
		}
	}
	return nil
}

// sink is standard output. It remembers the error of a failed write, which not everything that writes there returns.
type sink struct {
	io.Writer
	err error
}

func (s *sink) Write(b []byte) (n int, err error) {
	if n, err = s.Writer.Write(b); err != nil && s.err == nil {
		s.err = err
	}
	return n, err
}

// Unwrap returns what is written to.
func (s *sink) Unwrap() io.Writer { return s.Writer }

// colored decides about colour on standard output (https://no-color.org, https://bixense.com/clicolors).
func (a *app) colored(choice string) bool {
	switch choice {
	case "always":
		return true
	case "never":
		return false
	}
	if v, ok := a.env("NO_COLOR"); ok && v != "" {
		return false
	}
	if v, ok := a.env("CLICOLOR_FORCE"); ok && v != "" && v != "0" {
		return true
	}
	if v, _ := a.env("TERM"); v == "dumb" {
		return false
	}
	return terminal.Columns(a.stdout) > 0
}

// rowOutputs opens the destinations of pairs and conns, which write rows as they come. done ends the files: with all
// rows, or not at all where the run failed.
func (o *outputFlags) rowOutputs(a *app) (ws []io.Writer, done func(failed error) error) {
	var ends []func(failed error) error
	for _, out := range o.outputs {
		if out.path == "" {
			ws = append(ws, a.stdout)
			continue
		}
		w, end := wholefile.Stream(out.path, o.force)
		ws, ends = append(ws, w), append(ends, end)
	}
	return ws, func(failed error) error {
		for _, end := range ends {
			if err := end(failed); err != nil && failed == nil {
				failed = unreadable(err)
			}
		}
		return failed
	}
}
