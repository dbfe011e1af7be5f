package main

import (
	"errors"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/spf13/cobra"
)

// verdictFlags decide the exit code.
type verdictFlags struct {
	failOn          string
	allowIncomplete bool
	allowEmpty      bool
	strict          bool

	never bool // --fail-on none
	level incident.Severity
}

func (v *verdictFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&v.failOn, "fail-on", "high", "least `SEVERITY` that makes the exit code 1: none, low, medium, high or critical")
	addAllowIncomplete(cmd, &v.allowIncomplete)
	f.BoolVar(&v.allowEmpty, "allow-empty", false, "exit code 0 instead of 2 where no command was looked at")
	f.BoolVar(&v.strict, "strict", false, "exit code 2 instead of 0 where the verdict is UNDECIDED")
	under(cmd, headExit)
	must(cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions([]string{"none", "low", "medium", "high", "critical"}, cobra.ShellCompDirectiveNoFileComp)))
}

func addAllowIncomplete(cmd *cobra.Command, allow *bool) {
	cmd.Flags().BoolVar(allow, "allow-incomplete", false, "exit code 0 instead of 2 where the input was not read whole")
	under(cmd, headExit)
}

func (v *verdictFlags) check() error {
	if v.failOn == "none" {
		v.never = true
		return nil
	}
	level, ok := incident.ParseSeverity(v.failOn)
	if !ok || level == incident.Info {
		return usagef("--fail-on %s: want none, low, medium, high or critical", v.failOn)
	}
	v.level = level
	return nil
}

// gate is what makes a run fail.
func (v *verdictFlags) gate() report.Gate {
	return report.Gate{Level: v.level, Never: v.never, Strict: v.strict, AllowEmpty: v.allowEmpty, AllowIncomplete: v.allowIncomplete}
}

// exit judges a run and gives its exit code.
func (v *verdictFlags) exit(d *report.Document) error {
	code := d.Judge(v.gate()).Exit
	if code != exitFindings && d.Quality.Failed > 0 {
		code = exitInternal
	}
	if code == exitClean {
		return nil
	}
	return &exitError{code: code}
}

// exitOrder ranks exit codes from harmless to decisive: findings win over all.
var exitOrder = []int{exitClean, exitIncomplete, exitUsage, exitInternal, exitFindings}

// worseOf prints the error next and keeps the code that decides.
func worseOf(a *app, worst, next error) error {
	var w, n *exitError
	if next == nil {
		return worst
	}
	if !errors.As(next, &n) {
		n = &exitError{exitInternal, next}
	}
	if n.err != nil {
		a.fail(n.err)
	}
	if errors.As(worst, &w) && rankExit(w.code) >= rankExit(n.code) {
		return worst
	}
	return &exitError{code: n.code}
}

func rankExit(code int) int {
	for i, c := range exitOrder {
		if c == code {
			return i
		}
	}
	return len(exitOrder)
}
