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

	never bool // --fail-on none
	level incident.Severity
}

func (v *verdictFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&v.failOn, "fail-on", "high", "least `SEVERITY` that makes the exit code 1: none, low, medium, high or critical")
	addAllowIncomplete(cmd, &v.allowIncomplete)
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

// fails reports whether a finding makes the run fail.
func (v *verdictFlags) fails(f *incident.Finding) bool { return !v.never && f.Severity >= v.level }

// exit gives the exit code of a run that was reported.
func (v *verdictFlags) exit(d *report.Document) error {
	switch {
	case !v.never && d.Reaches(v.level):
		return &exitError{code: exitFindings}
	case d.Quality.Failed > 0:
		return &exitError{code: exitInternal}
	case !d.Complete && !v.allowIncomplete:
		return &exitError{code: exitIncomplete}
	}
	return nil
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
