package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/filter"
)

// filterFlags choose what is shown. The same flag twice is OR, different flags are AND.
type filterFlags struct{ filter.Filter }

// add adds the flags for commands that see connections.
func (f *filterFlags) add(cmd *cobra.Command, rules bool) {
	s := cmd.Flags()
	s.StringArrayVar(&f.Servers, "server", nil, "only this server: `ADDR`, ADDR:PORT or prefix; repeatable")
	s.StringArrayVar(&f.Clients, "client", nil, "only this client: `ADDR`, ADDR:PORT or prefix; repeatable")
	s.Int64SliceVar(&f.Conns, "conn", nil, "only this connection `NUMBER`; repeatable")
	f.addWhat(cmd, rules)
}

// addFindings adds the flags for commands that see findings only.
func (f *filterFlags) addFindings(cmd *cobra.Command) { f.addWhat(cmd, true) }

func (f *filterFlags) addWhat(cmd *cobra.Command, rules bool) {
	s := cmd.Flags()
	s.StringArrayVar(&f.Cmds, "cmd", nil, "only this `COMMAND`; repeatable")
	s.StringArrayVar(&f.Keys, "key", nil, "only keys that match `GLOB`; repeatable")
	s.StringVar(&f.Since, "since", "", "only from this `TIME` on: RFC 3339, what application logs print, or seconds since 1970")
	s.StringVar(&f.Until, "until", "", "only up to this `TIME`")
	s.StringArrayVar(&f.Around, "around", nil, "only around a time, `TIME+-DURATION`; repeatable")
	if rules {
		f.addRules(cmd)
	}
	under(cmd, headFilters)
}

// addRules adds the flags that choose findings by what reports them.
func (f *filterFlags) addRules(cmd *cobra.Command) {
	s := cmd.Flags()
	f.addRule(cmd)
	s.StringArrayVar(&f.NotRules, "not-rule", nil, "not this `RULE`; repeatable")
	s.StringVar(&f.MinSeverity, "min-severity", "", "only findings of at least this `SEVERITY`: info, low, medium, high or critical")
	under(cmd, headFilters)
	must(cmd.RegisterFlagCompletionFunc("not-rule", completeRules))
	must(cmd.RegisterFlagCompletionFunc("min-severity", cobra.FixedCompletions([]string{"info", "low", "medium", "high", "critical"}, cobra.ShellCompDirectiveNoFileComp)))
}

func (f *filterFlags) addRule(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.Rules, "rule", nil, "only this `RULE`: RS101, dirty-reuse, or RS1 for all whose IDs begin so; repeatable")
	under(cmd, headFilters)
	must(cmd.RegisterFlagCompletionFunc("rule", completeRules))
}

// completeRules completes the IDs of rules, and their names where a name is begun.
func completeRules(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var words []string
	for _, d := range detectors.All() {
		if begun == "" || strings.HasPrefix(d.ID, strings.ToUpper(begun)) {
			words = append(words, d.ID+"\t"+d.Name)
		} else if strings.HasPrefix(d.Name, strings.ToLower(begun)) {
			words = append(words, d.Name+"\t"+d.ID)
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// check reads the flags.
func (f *filterFlags) check(zone *time.Location) error { return usage(f.Prepare(zone)) }

// begin is Begin, whose errors are mistakes in flags.
func (f *filterFlags) begin(first capture.Time) error { return usage(f.Begin(first)) }

// expects reports whether the flags choose a rule, with the severity that it declares.
func (f *filterFlags) expects(id string) bool {
	d, err := detectors.Named(id)
	return err != nil || f.Expects(d)
}
