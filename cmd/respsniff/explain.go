package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/terminal"
)

func newExplainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [RULE]",
		Short: "List the rules, or print one rule's page",
		Long: `Explain prints the page of a rule, named by its ID or its name: what it means, how it looks on the
wire, why it happens, how to confirm it and fix it, and when it is wrong. Without a rule, or with
the beginning of IDs, it lists the rules.`,
		Example: `  respsniff explain
  respsniff explain RS1
  respsniff explain dirty-reuse`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRules,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listRules(a.stdout, detectors.All(), terminal.Columns(a.stdout))
			}
			chosen, err := detectors.Select(args[0])
			if err != nil {
				return usagef("explain: %w", err)
			}
			if len(chosen) > 1 {
				return listRules(a.stdout, chosen, terminal.Columns(a.stdout))
			}
			d := chosen[0]
			page := detectors.Page(d.ID)
			if page == "" {
				page = fmt.Sprintf("# %s %s\n\n%s\n", d.ID, d.Name, d.Summary)
			}
			_, err = io.WriteString(a.stdout, page)
			return err
		},
	}
}

// listRules writes a line a rule: cut to the columns of a terminal, whole where there is none (0).
func listRules(w io.Writer, rules []*analysis.Detector, columns int) error {
	for _, d := range rules {
		head := fmt.Sprintf("%-6s %-22s %-9s ", d.ID, d.Name, d.Severity)
		summary := d.Summary
		if columns > 0 {
			summary = report.Shorten(summary, max(columns-len(head), 16))
		}
		if _, err := fmt.Fprintln(w, head+summary); err != nil {
			return err
		}
	}
	return nil
}
