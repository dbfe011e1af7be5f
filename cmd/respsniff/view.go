package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/view"
)

func newViewCommand(a *app) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use:   "view FILE... | DIR | -",
		Short: "Look at a run in a browser: time, connections, and who took which reply",
		Long: `View analyses captures as analyze does, prints the address of a page, and serves it until it is
interrupted: on 127.0.0.1, at a random port, to who has the address. 'analyze -o html' writes the
same page as one file, with the incidents and a sample of the rest.`,
		Example: `  respsniff view redis.pcap
  respsniff view --client 198.18.0.2 ring/`,
		RunE: func(cmd *cobra.Command, names []string) error {
			o.output.specs = []string{"html"}
			if err := o.check(); err != nil {
				return err
			}
			doc, err := o.analyze(cmd.Context(), a, names)
			if err != nil {
				return err
			}
			doc.Judge(o.verdict.gate())
			s, err := view.Listen(doc, o.output.options(a, o.output.outputs[0]))
			if err != nil {
				return unreadable(fmt.Errorf("loopback: %w", err))
			}
			fmt.Fprintln(a.stdout, s.Address())
			a.warn("serving %s until Ctrl-C", doc.Current().Word)
			if err := s.Serve(cmd.Context()); err != nil {
				return unreadable(fmt.Errorf("loopback: %w", err))
			}
			return nil
		},
	}
	takesFiles(cmd)
	o.input.add(cmd)
	o.filter.add(cmd, true)
	o.output.addZone(cmd)
	o.verdict.failOn = "high"
	return cmd
}
