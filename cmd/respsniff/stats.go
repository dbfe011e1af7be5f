package main

import (
	"io"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/traffic"
	"github.com/spf13/cobra"
)

var statsFormats = []report.Format{report.Text, report.JSON}

func newStatsCommand(a *app) *cobra.Command {
	var o rowOptions
	cmd := &cobra.Command{
		Use:   "stats FILE... | DIR | -",
		Short: "Count commands, rates, reply times, errors, bytes and keys, by command, server and client",
		Long: `Stats counts what goes by: how many commands and bytes, how many a second, how long replies took,
which part of all waiting was for which command, server and client, and which commands were the
slowest and the largest. Reply times are from the end of a command to the first byte of its reply,
as the place of the capture saw them; the waits of blocking commands are counted apart. Quantiles
are exact within 1 %. Rates are over the time from the first command to the last reply that were
counted.`,
		Example: `  respsniff stats redis.pcap
  respsniff stats --server 198.18.0.11 --since 19:24:20 --until 19:24:25 redis.pcap
  respsniff stats -o json redis.pcap | jq '.slowest[0]'`,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.output.check(statsFormats); err != nil {
				return err
			}
			if err := o.filter.check(o.output.location); err != nil {
				return err
			}
			p, err := openPipeline(a, names, &o.input, o.output.location, o.allowIncomplete || o.output.machine())
			if err != nil {
				return err
			}
			defer p.close()
			recorder := traffic.NewRecorder(o.input.masked())
			if len(p.source.Files()) > 1 {
				recorder.FileName = p.fileName
			}
			for event, err := range o.filter.Events(p.events(cmd.Context())) {
				if err != nil {
					return err
				}
				e, ok := event.(*pairing.Exchange)
				if !ok {
					continue
				}
				if err := o.filter.begin(p.progress.First); err != nil {
					return err
				}
				if o.filter.Exchange(report.SentName(e), report.Printable(string(e.Key.Raw())), e.Time) {
					recorder.Exchange(e, e.Session.ID, e.Session.Client, e.Session.Server)
				}
			}
			complete := p.document().Complete
			p.warnSealed()
			if err := writeStats(a, &o.output, recorder.Report(), complete); err != nil {
				return err
			}
			if !complete && !o.allowIncomplete {
				return &exitError{code: exitIncomplete}
			}
			return nil
		},
	}
	takesFiles(cmd)
	o.input.add(cmd)
	o.filter.add(cmd, false)
	o.output.add(cmd, statsFormats)
	addAllowIncomplete(cmd, &o.allowIncomplete)
	return cmd
}

func writeStats(a *app, o *outputFlags, p *traffic.Report, complete bool) error {
	for _, out := range o.outputs {
		write := p.WriteText
		if out.format == report.JSON {
			write = func(w io.Writer) error { return p.WriteJSON(w, complete) }
		}
		if err := o.to(a, out, write); err != nil {
			return err
		}
	}
	return nil
}
