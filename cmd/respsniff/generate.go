package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/scenario"
	"github.com/respsniff/respsniff/internal/wholefile"
)

// maxScenario bounds a scenario file, in bytes: it is written by hand.
const maxScenario = 1 << 20

func newGenerateCommand(a *app) *cobra.Command {
	var path string
	var force, ng bool
	cmd := &cobra.Command{
		Use:   "generate SCENARIO | -",
		Short: "Make a capture from a written conversation",
		Long: `Generate makes a capture of a conversation that is written as text: who sends what, and when. It is
what the tests of respsniff are made of, and a way to show a fault in a bug report without showing
data.`,
		Example: `  respsniff generate late-reply.txt -o late-reply.pcap`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if path == "" {
				return usagef("generate: give -o OUT.pcap, or -o - for standard output")
			}
			if path != "-" {
				if err := checkOutput("-o "+path, path, force); err != nil {
					return err
				}
			}
			s, err := readScenario(a, args[0])
			if err != nil {
				return err
			}
			write := func(w io.Writer) error { return s.WriteCapture(w, ng) }
			if path == "-" {
				err = write(a.stdout)
			} else {
				err = wholefile.Write(path, force, write)
			}
			if err != nil {
				return unreadable(err)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "output", "o", "", "`FILE` to write, - for standard output")
	f.BoolVar(&force, "force", false, "overwrite the file")
	f.BoolVar(&ng, "pcapng", false, "write pcapng")
	return cmd
}

func readScenario(a *app, name string) (*scenario.Scenario, error) {
	in, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxScenario+1))
	if err != nil {
		return nil, unreadable(fmt.Errorf("%s: %w", name, err))
	}
	if len(text) > maxScenario {
		return nil, unreadable(fmt.Errorf("%s: larger than %d bytes: not a scenario", name, maxScenario))
	}
	s, err := scenario.Parse(name, text)
	if err != nil {
		return nil, unreadable(err)
	}
	return s, nil
}
