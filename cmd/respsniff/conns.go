package main

import (
	"context"
	"slices"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/spf13/cobra"
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
	o.filter.addRule(cmd)
	return cmd
}

// connRows runs the detectors too, because a row names the findings of its connection.
func connRows(ctx context.Context, p *pipeline, f *filterFlags, out rowWriters) error {
	p.run.KeepConns(bound.Evidence)
	with := map[int64]bool{} // connections with a command that --cmd and --key choose
	note := func(event pairing.Event) {
		e, ok := event.(*pairing.Exchange)
		if ok && f.Command(report.CommandName(e)) && f.Key(report.Printable(string(e.Key.Raw()))) {
			with[e.Session.ID] = true
		}
	}
	var notes []func(pairing.Event)
	if len(f.Cmds)+len(f.Keys) > 0 {
		notes = append(notes, note)
	}
	for _, err := range p.run.Detect(watch(f.Events(p.events(ctx)), notes), p.detectors) {
		if err != nil {
			return err
		}
	}
	if err := f.begin(p.progress.First); err != nil {
		return err
	}
	out.start(p.progress.First)
	for _, c := range p.run.Conns() {
		if !f.Connection(c.ID, c.Client, c.Server) || !f.Overlaps(c.First, c.Last) || notes != nil && !with[c.ID] {
			continue
		}
		if len(f.Rules) > 0 && !slices.ContainsFunc(c.Findings, f.Rule) {
			continue
		}
		if err := out.row(rows.NewConn(c, p.mask)); err != nil {
			return err
		}
	}
	return nil
}
