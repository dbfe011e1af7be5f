package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/respsniff/respsniff/internal/given"
	"github.com/respsniff/respsniff/internal/progress"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/split"
	"github.com/respsniff/respsniff/internal/tally"
	"github.com/respsniff/respsniff/internal/terminal"
	"github.com/respsniff/respsniff/internal/wholefile"
)

// splitOptions are the flags of split.
type splitOptions struct {
	input inputFlags
	zone  outputFlags
	dir   string
	parts int
	by    string // "client" or "conn"
	force bool
}

var splitUnits = []string{"group", "client", "conn"}

func newSplitCommand(a *app) *cobra.Command {
	var o splitOptions
	cmd := &cobra.Command{
		Use:   "split FILE... | DIR -n N -o DIR",
		Short: "Deal one large capture out to N files, whole connections in each",
		Long: `Split deals the packets of a capture out to N files, for N runs of analyze at once, on as many
machines. 'respsniff merge' makes one result of theirs.

What is judged together stays together: the connections of a client, and all clients that share a
server. Merged, the runs find what one run over the whole would. With fewer such groups than N some
files have no packets. --by client spreads the clients of a server: findings about clients stay what
they are, but each file shows less of the server, so that a stall may be counted less often, and
what it led to not seen. --by conn spreads the connections of a client too, for the capture of a
single host: then each file must show enough of the client by itself to learn how long it waits.

Times, lengths and link types are kept. Frames and connections are counted anew in each file.`,
		Example: `  respsniff split big.pcap -n 16 -o parts
  ls parts/*.pcapng | parallel respsniff analyze --fail-on none --allow-empty -o json={.}.json {}
  respsniff merge parts/*.json`,
		RunE: func(cmd *cobra.Command, names []string) error {
			switch {
			case o.dir == "" || o.dir == "-":
				return usagef("split: give -o DIR, where the files go")
			case o.parts < 1 || o.parts > split.MaxParts:
				return usagef("split: give -n, from 1 to %d files", split.MaxParts)
			case !slices.Contains(splitUnits, o.by):
				return usagef("--by %s: want group, client or conn", o.by)
			case slices.Contains(names, "-"):
				return usagef("split: standard input cannot be read twice: save the capture to a file")
			}
			o.zone.specs, o.zone.clock = []string{"text"}, "abs"
			if err := o.zone.check([]report.Format{report.Text}); err != nil {
				return err
			}
			return o.run(cmd.Context(), a, names)
		},
	}
	f := cmd.Flags()
	f.IntVarP(&o.parts, "parts", "n", 0, "how many files: a `NUMBER`")
	f.StringVarP(&o.dir, "output", "o", "", "`DIR` for part-0.pcapng and so on; it is made if it is not there")
	f.StringVar(&o.by, "by", "group", "what stays together, `UNIT`: group (clients that share a server), client (all its connections), or conn")
	f.BoolVar(&o.force, "force", false, "overwrite the files")
	under(cmd, headCommand)
	takesFiles(cmd)
	o.input.addReading(cmd)
	o.zone.addZone(cmd)
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions(splitUnits, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

// run deals the packets out and prints what is in each file.
func (o *splitOptions) run(ctx context.Context, a *app, names []string) error {
	ports, err := given.Ports(o.input.ports)
	if err != nil {
		return usage(err)
	}
	drops, err := given.Drops(o.input.drops)
	if err != nil {
		return usage(err)
	}
	co, err := o.input.captureOptions(a, o.zone.location)
	if err != nil {
		return err
	}
	for _, path := range split.Names(o.dir, o.parts) {
		if wholefile.Exists(path) && !o.force {
			return usagef("-o %s: the file exists: choose another directory or give --force", path)
		}
	}
	unit := map[string]split.Unit{"group": split.Group, "client": split.Client, "conn": split.Conn}[o.by]
	made, err := split.Run(ctx, names, split.Options{
		Unit: unit, Parts: o.parts, Ports: ports, Dir: o.dir, Force: o.force, Comment: report.Printable(strings.Join(names, " ")), Capture: co,
		Drops: drops, Progress: progress.Meter{W: a.stderr, Columns: terminal.Columns(a.stderr), Quiet: a.quiet},
	})
	if err != nil {
		return unreadable(hint(err))
	}
	for _, limit := range tally.Reached(made.Bounds) {
		a.warn("split: %s", limit)
	}
	for _, fault := range made.Faults {
		a.warn("%v", fault)
	}
	for i, path := range made.Names {
		fmt.Fprintf(a.stdout, "%s: %s\n", report.Printable(path), report.CountAs(made.Packets[i], "packet", "packets"))
	}
	if next := map[split.Unit]string{split.Group: "client", split.Client: "conn"}[unit]; next != "" && made.Empty() > 0 {
		a.warn("split: %d of %d files have no packets, for the capture has %s; --by %s cuts finer (see 'respsniff split --help')", made.Empty(), o.parts,
			report.CountAs(int64(made.Units), o.by, o.by+"s"), next)
	}
	if len(made.Faults) > 0 {
		return &exitError{code: exitIncomplete}
	}
	return nil
}
