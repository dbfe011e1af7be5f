package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/spf13/cobra"
)

// verifyOptions are the flags of the CI gate.
type verifyOptions struct {
	analyze analyzeOptions
	write   bool
	force   bool
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
the present result, of all rules.`,
		Example: `  respsniff verify --write testdata/timeout.pcap
  respsniff verify testdata/`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			o.analyze.output.specs, o.analyze.output.clock = []string{"text"}, "abs"
			if err := o.analyze.check(); err != nil {
				return err
			}
			if o.write && o.analyze.filter.Active() {
				return usagef("verify: --write makes expectations of all rules: leave out --rule, --not-rule and --min-severity")
			}
			captures, err := gate.Captures(names, o.write)
			if err != nil {
				return unreadable(err)
			}
			var worst error
			for _, c := range captures {
				worst = worseOf(a, worst, o.one(cmd.Context(), a, c))
			}
			return worst
		},
	}
	f := cmd.Flags()
	f.BoolVar(&o.write, "write", false, "make the expectation files from the present results")
	f.BoolVar(&o.force, "force", false, "overwrite expectation files")
	under(cmd, headCommand)
	o.analyze.input.add(cmd)
	o.analyze.filter.addRules(cmd)
	o.analyze.verdict.add(cmd)
	o.analyze.output.addZone(cmd)
	return cmd
}

// one verifies one capture, or writes its expectation.
func (o *verifyOptions) one(ctx context.Context, a *app, name string) error {
	var p *pipeline
	o.analyze.keepConns, o.analyze.connsLoss = true, bound.Evidence
	doc, err := o.analyze.document(ctx, a, []string{name}, &p)
	if err != nil {
		return err
	}
	path := gate.ExpectationPath(name)
	if o.write {
		if err := wholefile.Write(path, o.force, gate.Expect(doc).Write); err != nil {
			if errors.Is(err, fs.ErrExist) {
				return usagef("%s: the file exists: give --force to replace it", path)
			}
			return unreadable(err)
		}
		_, err := fmt.Fprintf(a.stdout, "wrote %s\n", report.Printable(path))
		return err
	}
	p.mask.Document(doc)
	e, err := readExpectation(path)
	if err != nil {
		return err
	}
	level := o.analyze.verdict.level
	if o.analyze.verdict.never {
		level = incident.Critical + 1
	}
	e, left := e.Only(o.analyze.filter.expects)
	r := e.Check(doc, level, p.rulesOn)
	gate := o.analyze.verdict.gate()
	gate.Never, gate.AllowEmpty = true, gate.AllowEmpty || e.Empty // what may be found, the expectation says
	doc.Judge(gate)
	return o.print(a.stdout, name, doc, r, left)
}

// print writes the result of one capture and gives the exit code. left counts the expectations that filters left out.
func (o *verifyOptions) print(w io.Writer, name string, doc *report.Document, r gate.Result, left int) error {
	verdict := doc.Current()
	word, code := "ok  ", exitClean
	switch {
	case !r.OK():
		word, code = "FAIL", exitFindings
	case verdict.Exit != 0:
		word, code = "CUT ", exitIncomplete
	}
	lines := fmt.Sprintf("%s %s\n", word, report.Printable(name))
	if x := doc.Summary.Filtered; x != nil {
		lines += "     " + report.Printable(x.String())
		if left > 0 {
			lines += fmt.Sprintf(" Expectations left out: %d.", left)
		}
		lines += "\n"
	}
	if code == exitIncomplete {
		lines += "     " + report.Printable(string(verdict.Word)+": "+verdict.Sentence) + "\n"
	}
	for _, m := range r.Missing {
		lines += "     missing: " + report.Printable(m) + "\n"
	}
	for _, u := range r.Unexpected {
		lines += "     unexpected: " + report.Printable(u) + "\n"
	}
	if _, err := io.WriteString(w, lines); err != nil {
		return err
	}
	if code != exitClean {
		return &exitError{code: code}
	}
	return nil
}

func readExpectation(path string) (*gate.Expectation, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%w: 'respsniff verify --write' makes it", err)}
	}
	defer f.Close()
	e, err := gate.ReadExpectation(f)
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("%s: %w", path, err)}
	}
	return e, nil
}
