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
	var dirty bool
	cmd := &cobra.Command{
		Use:   "conns FILE... | DIR | -",
		Short: "Print one row a connection: times, commands, policy, library, read timeout, end, findings",
		Long: `Conns prints one row a connection, in order of their first packets. ENDS is how it came into view
and how it ended. POLICY is how its client uses it; T is the client's read timeout; DIRTY means that
it was used again with an unread reply, and behind how many replies its callers were behind at most.
The rules at the end of a row found something on it.`,
		Example: `  respsniff conns redis.pcap
  respsniff conns --dirty --rule off-by-k redis.pcap
  respsniff conns -o ndjson redis.pcap | jq 'select(.behind > 0).flow'`,
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.rows(cmd.Context(), a, names, "connections", func(ctx context.Context, p *pipeline, f *filterFlags, out *rowSink) error {
				return connRows(ctx, p, f, dirty, out)
			})
		},
	}
	takesFiles(cmd)
	o.add(cmd)
	o.filter.addRule(cmd)
	cmd.Flags().BoolVar(&dirty, "dirty", false, "only connections that were used again with an unread reply")
	under(cmd, headFilters)
	return cmd
}

// connRows runs the detectors too, because a row names the findings of its connection.
func connRows(ctx context.Context, p *pipeline, f *filterFlags, dirty bool, out *rowSink) error {
	p.run.KeepConns(bound.Evidence)
	with := map[int64]bool{} // connections with a command that --cmd and --key choose
	note := func(event pairing.Event) {
		e, ok := event.(*pairing.Exchange)
		if ok && f.Command(report.SentName(e)) && f.Key(report.Printable(string(e.Key.Raw()))) {
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
		if dirty && !c.Dirty || len(f.Rules) > 0 && !slices.ContainsFunc(c.Findings, f.Rule) {
			continue
		}
		if err := out.row(rows.NewConn(c, p.shownFile(c.File), p.mask)); err != nil {
			return err
		}
	}
	return nil
}
