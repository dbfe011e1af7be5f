package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
)

func newExplainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "List the rules, or print one rule's page",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var ids []string
			for _, d := range detectors.All() {
				ids = append(ids, d.ID+"\t"+d.Name)
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listRules(a.stdout)
			}
			d := findRule(args[0])
			if d == nil {
				return usagef("explain: no rule %s: 'respsniff explain' lists them", args[0])
			}
			page := detectors.Page(d.ID)
			if page == "" {
				page = fmt.Sprintf("# %s %s\n\n%s\n", d.ID, d.Name, d.Summary)
			}
			_, err := io.WriteString(a.stdout, page)
			return err
		},
	}
}

// findRule finds a rule by its id or name, whatever the case.
func findRule(word string) *analysis.Detector {
	for _, d := range detectors.All() {
		if strings.EqualFold(d.ID, word) || strings.EqualFold(d.Name, word) {
			return d
		}
	}
	return nil
}

func listRules(w io.Writer) error {
	for _, d := range detectors.All() {
		if _, err := fmt.Fprintf(w, "%-6s %-22s %-9s %s\n", d.ID, d.Name, d.Severity, report.Shorten(d.Summary, 60)); err != nil {
			return err
		}
	}
	return nil
}
