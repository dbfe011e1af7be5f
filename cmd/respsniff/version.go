package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/buildinfo"
	"github.com/respsniff/respsniff/internal/report"
)

func newVersionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version and the commit",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, buildinfo.Line())
			return err
		},
	}
}

// tool is how reports name this program.
func tool() report.Tool { return report.Tool{Name: "respsniff", Version: buildinfo.Version()} }
