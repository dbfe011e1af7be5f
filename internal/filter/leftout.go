package filter

import (
	"fmt"

	"github.com/respsniff/respsniff/internal/report"
)

// flags lists what is set, as on a command line.
func (f *Filter) flags() []string {
	var all []string
	add := func(flag string, values ...string) {
		for _, v := range values {
			if v != "" {
				all = append(all, flag+" "+v)
			}
		}
	}
	add("--server", f.Servers...)
	add("--client", f.Clients...)
	for _, c := range f.Conns {
		add("--conn", fmt.Sprint(c))
	}
	add("--cmd", f.Cmds...)
	add("--key", f.Keys...)
	add("--rule", f.Rules...)
	add("--not-rule", f.NotRules...)
	add("--min-severity", f.MinSeverity)
	add("--since", f.Since)
	add("--until", f.Until)
	add("--around", f.Around...)
	return all
}

// LeftOut returns what the filter left out so far: connections by itself, and as many findings as the caller counted. It is
// nil for a filter that leaves nothing out by its nature.
func (f *Filter) LeftOut(findings int64) *report.Filtered {
	by := f.flags()
	if len(by) == 0 {
		return nil
	}
	left := f.left
	left.By, left.Findings = by, findings
	return &left
}
