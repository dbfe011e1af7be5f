package main

import (
	"context"
	"io"
	"strings"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/gate"
	"github.com/respsniff/respsniff/internal/report/traffic"
	"github.com/spf13/cobra"
)

var diffFormats = []report.Format{report.Text, report.JSON}

func newDiffCommand(a *app) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use:   "diff BEFORE AFTER",
		Short: "Compare two captures: findings gone and new, reply times",
		Long: `Diff analyses two captures, or reads two saved runs (names ending in .json or .ndjson), and says
which findings are gone, new or changed. The same fingerprint is the same finding. Reply times are
compared by quantiles and by a two-sided Mann-Whitney U test, which says whether the times of one
run tend to be longer; commands of one stall are not independent of each other, so read a small p as
a hint.

The exit code is 1 if a new finding has at least the severity of --fail-on.`,
		Example: `  respsniff diff before.pcap after.pcap
  respsniff diff release-1.json after.pcap --min-severity high`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.checkFor(diffFormats); err != nil {
				return err
			}
			var sides [2]gate.Side
			for i, name := range names {
				var err error
				if sides[i], err = o.side(cmd.Context(), a, name); err != nil {
					return err
				}
			}
			d := gate.Compare(sides[0].Doc, sides[1].Doc)
			for _, out := range o.output.outputs {
				write := func(w io.Writer) error { return d.WriteText(w, &sides) }
				if out.format == report.JSON {
					write = func(w io.Writer) error { return d.WriteJSON(w, &sides) }
				}
				if err := o.output.to(a, out, write); err != nil {
					return err
				}
			}
			after := *sides[1].Doc
			after.Complete = after.Complete && sides[0].Doc.Complete
			after.Findings, after.Incidents = nil, nil
			for _, f := range d.New {
				after.Findings = append(after.Findings, *f)
			}
			return o.verdict.exit(&after)
		},
	}
	o.input.add(cmd)
	o.filter.add(cmd, true)
	o.output.add(cmd, diffFormats)
	o.verdict.add(cmd)
	return cmd
}

func (o *analyzeOptions) side(ctx context.Context, a *app, name string) (gate.Side, error) {
	if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".ndjson") {
		if o.filter.ChoosesConnections() {
			return gate.Side{}, usagef("diff: --server, --client and --conn choose among the connections of a capture: %s is a saved run", name)
		}
		doc, err := readDocument(a, name)
		if err != nil {
			return gate.Side{}, err
		}
		filter := o.filter // times of day are of this run's first day
		if err := keep(doc, &filter); err != nil {
			return gate.Side{}, err
		}
		o.input.masked().Document(doc)
		return gate.Side{Name: name, Doc: doc}, nil
	}
	var p *pipeline
	recorder := traffic.NewRecorder(o.input.masked())
	doc, err := o.document(ctx, a, []string{name}, &p, func(event pairing.Event) {
		if e, ok := event.(*pairing.Exchange); ok {
			recorder.Exchange(e, e.Session.ID, e.Session.Client, e.Session.Server)
		}
	})
	if err != nil {
		return gate.Side{}, err
	}
	p.mask.Document(doc)
	return gate.Side{Name: name, Doc: doc, Times: recorder.Report()}, nil
}
