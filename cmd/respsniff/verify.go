package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/formats"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/spf13/cobra"
)

// verifyOptions are the flags of the CI gate.
type verifyOptions struct {
	analyze analyzeOptions
	write   bool
}

func newVerifyCommand(a *app) *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify FILE... | DIR",
		Short: "Hold captures against the expectation files beside them",
		Long: `Verify analyses each capture and compares what is found with the file beside it: capture.expect.yaml
for capture.pcap. The exit code is 1 if something that is wanted is missing, or comes in another
number, or if anything that is not wanted has at least the severity of --fail-on.

  want:
    - rule: RS101          # must fire
      count: 12            # occurrences; or min and max; neither: at least once
      confidence: strong   # at least
      command: GET         # counts only victims of this command
      conn: 4              # on this connection
    - rule: RS109
  forbid: [RS2, RS302]     # must not fire at any severity
  empty: true              # no command can be read in it (TLS), as it should be

A rule goes by its ID or its name. With --rule, --not-rule or --min-severity only what they choose
is compared: neither the findings nor the expectations of other rules. --write makes the file from
the present result, of all rules of at least medium severity, or that of --fail-on: each must fire
again, in any number.

-o json, junit, github and sarif have an entry for each capture: what was missing or
unexpected, and its incidents, of which those that were expected fail nothing.`,
		Example: `  respsniff verify --write testdata/timeout.pcap
  respsniff verify testdata/
  respsniff verify testdata/ -o text -o junit=verify.xml`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			o.analyze.output.clock = "abs"
			if err := o.analyze.checkFor(formats.Verified); err != nil {
				return err
			}
			if o.write && o.analyze.filter.Active() {
				return usagef("verify: --write makes expectations of all rules: leave out --rule, --not-rule and --min-severity")
			}
			if o.write && cmd.Flags().Changed("output") {
				return usagef("verify: --write makes expectations and compares nothing: leave out -o")
			}
			captures, err := gate.Captures(names, o.write)
			if err != nil {
				return unreadable(err)
			}
			return o.all(cmd.Context(), a, captures)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.write, "write", false, "make the expectation files from the present results")
	under(cmd, headCommand)
	o.analyze.input.add(cmd)
	o.analyze.filter.addRules(cmd)
	o.analyze.verdict.add(cmd)
	o.analyze.output.addFormats(cmd, formats.Verified, "overwrite expectation and output files")
	o.analyze.output.addZone(cmd)
	return cmd
}

// one verifies one capture, or writes its expectation. The document is there whatever happens, so that no format leaves out a
// capture that could not be compared.
func (o *verifyOptions) one(ctx context.Context, a *app, name string) (*report.Document, error) {
	fail := func(doc *report.Document, err, why error) (*report.Document, error) {
		doc.Checked = &report.Checked{Capture: name, Error: why.Error()}
		report.JudgeChecked(doc, o.analyze.verdict.gate(), false)
		return doc, err
	}
	var p *pipeline
	o.analyze.keepConns, o.analyze.connsLoss = true, bound.Evidence
	doc, err := o.analyze.document(ctx, a, []string{name}, &p)
	if err != nil {
		why := err
		if x := (*exitError)(nil); errors.As(err, &x) && x.err != nil {
			why = x.err
		}
		return fail(&report.Document{Input: []report.Input{{File: name, Error: why.Error()}}}, err, why)
	}
	path := gate.ExpectationPath(name)
	if o.write {
		return doc, o.expect(a, path, doc)
	}
	p.mask.Document(doc)
	e, err := gate.OpenExpectation(path)
	if err != nil {
		return fail(doc, &exitError{exitUsage, err}, err)
	}
	e, left := e.Only(o.analyze.filter.expects)
	doc.Checked = e.Check(doc, o.level(), p.rulesOn)
	doc.Checked.Capture, doc.Checked.LeftOut = name, left
	if code := report.JudgeChecked(doc, o.analyze.verdict.gate(), e.Empty); code != exitClean {
		return doc, &exitError{code: code}
	}
	return doc, nil
}

// level is the least severity that fails.
func (o *verifyOptions) level() incident.Severity {
	if o.analyze.verdict.never {
		return incident.Critical + 1
	}
	return o.analyze.verdict.level
}

// expect writes the expectation that doc fulfils.
func (o *verifyOptions) expect(a *app, path string, doc *report.Document) error {
	if err := wholefile.Write(path, o.analyze.output.force, gate.Expect(doc, o.level()).Write); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return usagef("%s: the file exists: give --force to replace it", path)
		}
		return unreadable(err)
	}
	_, err := fmt.Fprintf(a.stdout, "wrote %s\n", report.Printable(path))
	return err
}

// all verifies the captures, writes the outputs and gives the exit code that decides. Text on standard output comes a capture
// at a time.
func (o *verifyOptions) all(ctx context.Context, a *app, captures []string) error {
	var worst error
	var docs []*report.Document
	screen := output{format: report.Text}
	later := slices.DeleteFunc(slices.Clone(o.analyze.output.outputs), func(out output) bool { return out == screen })
	for _, name := range captures {
		doc, err := o.one(ctx, a, name)
		if len(later) > 0 {
			docs = append(docs, doc)
		}
		if doc.Checked != nil && len(later) < len(o.analyze.output.outputs) {
			if _, err := io.WriteString(a.stdout, report.CheckedText(doc)); err != nil {
				return unreadable(fmt.Errorf("standard output: %w", err))
			}
		}
		worst = worseOf(a, worst, err)
	}
	for _, out := range later {
		options := o.analyze.output.options(a, out)
		if err := o.analyze.output.to(a, out, func(w io.Writer) error { return formats.WriteVerified(w, out.format, docs, options) }); err != nil {
			return err
		}
	}
	return worst
}
