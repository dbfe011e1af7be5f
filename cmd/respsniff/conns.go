package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/report"
)

func newConnsCommand(a *app) *cobra.Command {
	var o rowOptions
	cmd := &cobra.Command{
		Use:   "conns FILE... | DIR | -",
		Short: "Print one row a connection: times, commands, policy, library, read timeout, end, findings",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.rows(cmd.Context(), a, names, "connections", connRows)
		},
	}
	o.add(cmd)
	return cmd
}

// connRows runs the detectors too, because a row names the findings of its connection.
func connRows(ctx context.Context, p *pipeline, f *filterFlags, out rowWriters) error {
	p.run.KeepConns()
	for _, err := range p.run.Detect(only(p.events(ctx), f), p.detectors) {
		if err != nil {
			return err
		}
	}
	if err := f.begin(p.progress.first); err != nil {
		return err
	}
	out.start(p.progress.first)
	for _, c := range p.run.Conns() {
		if !f.connection(c.ID, c.Client, c.Server) || !f.overlaps(c.First, c.Last) {
			continue
		}
		if err := out.row(report.NewConnRow(c, p.mask)); err != nil {
			return err
		}
	}
	return nil
}
