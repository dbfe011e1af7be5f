package main

import (
	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/merge"
)

func newMergeCommand(a *app) *cobra.Command {
	var o renderOptions
	cmd := &cobra.Command{
		Use:   "merge SAVED.json...",
		Short: "Make one report of the saved runs of several files or hosts",
		Long: `Merge reads what 'analyze -o json' or '-o ndjson' wrote of several captures and makes one report:
findings about the same client and server are one, what is the same fault of the same kind of client
is one incident, counts are added. The captures must be of different connections: the parts that
'respsniff split' made, the hosts of a fleet, days one after another. Of what happened to a server,
such as a stall, the largest count stands: every capture that was there shows it. Doubts and
warnings are those of the runs.

Examples and stories name the capture file they are from, and with 'analyze --host-name' the host;
frames and connection numbers count in it.`,
		Example: `  respsniff merge parts/*.json
  respsniff merge app1.json app2.json -o text -o html=fleet.html`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, names []string) error {
			if err := o.check(); err != nil {
				return err
			}
			runs := make([]merge.Run, len(names))
			for i, name := range names {
				doc, err := readDocument(a, name)
				if err != nil {
					return err
				}
				runs[i] = merge.Run{Name: name, Doc: doc}
			}
			doc := merge.Documents(tool(), runs, detectors.Rules())
			for _, w := range doc.Warnings {
				a.warn("%s", w)
			}
			return o.render(a, doc)
		},
	}
	o.add(cmd)
	return cmd
}
