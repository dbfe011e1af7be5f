package main

import (
	"context"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/spf13/cobra"
)

func newPairsCommand(a *app) *cobra.Command {
	var o rowOptions
	var misread bool
	cmd := &cobra.Command{
		Use:   "pairs FILE... | DIR | -",
		Short: "Print every command with the reply the server meant and the reply its caller got",
		Long: `Pairs prints one row for each command of each connection. SERVES is the reply that the server meant
for it. BELIEVES is the reply that its caller got: "=" is its own, "#2" is that of command 2 of the
connection, "extra" one that no command asked for, "older" one to a command from before the capture.
"EXEC[2] bulk" is the element of EXEC's array that answers a queued command; the time beside it is
that of QUEUED.`,
		Example: `  respsniff pairs redis.pcap
  respsniff pairs --misread --by time redis.pcap
  respsniff pairs -o ndjson --conn 12 redis.pcap`,
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.rows(cmd.Context(), a, names, "exchanges", func(ctx context.Context, p *pipeline, f *filterFlags, out *rowSink) error {
				return pairRows(ctx, p, f, misread, out)
			})
		},
	}
	takesFiles(cmd)
	o.add(cmd)
	cmd.Flags().BoolVar(&misread, "misread", false, "only commands whose caller got the reply to another command")
	under(cmd, headFilters)
	return cmd
}

// pairRows writes the exchanges as they settle.
func pairRows(ctx context.Context, p *pipeline, f *filterFlags, misread bool, out *rowSink) error {
	lines, maker := rows.NewErrorLines(p.run.Bounds()), rows.NewMaker(p.mask)
	for event, err := range f.Events(p.events(ctx)) {
		if err != nil {
			return err
		}
		if a, ok := event.(*analysis.Answered); ok {
			lines.See(a)
		}
		e, ok := event.(*pairing.Exchange)
		if !ok {
			continue
		}
		line, long := lines.Take(e)
		if err := f.begin(p.progress.First); err != nil {
			return err
		}
		if !f.Exchange(report.SentName(e), report.Printable(string(e.Key.Raw())), e.Time) {
			continue
		}
		if misread && (e.Belief.Index == e.Index || e.Belief.Index == 0 && e.Belief.Outcome <= pairing.Unknown) {
			continue
		}
		row := maker.Exchange(e, e.Session.ID, e.Session.Client, e.Session.Server, p.shownFile(e.File))
		if long {
			row.SetError(line, p.mask)
		}
		if p.showValues && row.Serves != nil && row.Serves.Error != "" {
			row.Serves.Value = "-" + row.Serves.Error
		} else if p.showValues && row.Serves != nil {
			row.Serves.Value = p.mask.Text(report.Printable(p.run.Describe(e, &e.Serves)))
		}
		out.start(p.progress.First)
		if err := out.row(row); err != nil {
			return err
		}
	}
	p.warnSealed()
	return nil
}
