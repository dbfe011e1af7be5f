package main

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/stages"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/spf13/cobra"
)

// dumpOptions are the flags of the debugger.
type dumpOptions struct {
	input  inputFlags
	filter filterFlags
	output outputFlags
	stage  string
}

func newDumpCommand(a *app) *cobra.Command {
	var o dumpOptions
	cmd := &cobra.Command{
		Use:   "dump --stage packets|segments|values|exchanges FILE...",
		Short: "Print what one stage of the analysis made of a capture",
		Long: `Dump prints the output of any stage of the analysis, one line an item: the debugger of respsniff,
and what a bug report attaches. Values are not shown, only their types and lengths.`,
		RunE: func(cmd *cobra.Command, names []string) error {
			print, ok := dumpStages[o.stage]
			if !ok {
				return usagef("--stage %q: want packets, segments, values or exchanges", o.stage)
			}
			o.output.clock, o.output.specs = "abs", []string{"text"}
			if err := o.output.check([]report.Format{report.Text}); err != nil {
				return err
			}
			if err := o.filter.check(o.output.location); err != nil {
				return err
			}
			if o.stage != "exchanges" && len(o.filter.Cmds)+len(o.filter.Keys) > 0 {
				return usagef("--cmd and --key choose among --stage exchanges")
			}
			if o.stage == "packets" && o.filter.ChoosesConnections() {
				return usagef("--stage packets knows no connections: only --since, --until and --around choose among packets")
			}
			p, err := openPipeline(a, names, &o.input, o.output.location, false)
			if err != nil {
				return err
			}
			defer p.close()
			buf := bufio.NewWriterSize(a.stdout, 1<<16)
			if err := print(cmd.Context(), p, &o.filter, buf); err != nil {
				return err
			}
			if err := buf.Flush(); err != nil {
				return err
			}
			if !p.document().Complete {
				return &exitError{code: exitIncomplete}
			}
			return nil
		},
	}
	takesFiles(cmd)
	o.input.add(cmd)
	o.filter.add(cmd, false)
	o.output.addZone(cmd)
	cmd.Flags().StringVar(&o.stage, "stage", "exchanges", "`STAGE` to print: packets, segments, values or exchanges")
	under(cmd, headCommand)
	must(cmd.RegisterFlagCompletionFunc("stage", cobra.FixedCompletions([]string{"packets", "segments", "values", "exchanges"}, cobra.ShellCompDirectiveNoFileComp)))
	return cmd
}

var dumpStages = map[string]func(context.Context, *pipeline, *filterFlags, io.Writer) error{
	"packets":   dumpPackets,
	"segments":  dumpSegments,
	"values":    dumpValues,
	"exchanges": dumpExchanges,
}

func dumpPackets(ctx context.Context, p *pipeline, f *filterFlags, w io.Writer) error {
	for batch, err := range p.progress.Batches(ctx, p.source) {
		if err != nil {
			return err
		}
		if err := f.begin(p.progress.First); err != nil {
			return err
		}
		for _, packet := range batch {
			if !f.Overlaps(packet.Time, packet.Time) {
				continue
			}
			_, err := fmt.Fprintf(w, "%s file=%d frame=%d link=%d len=%d cap=%d\n",
				report.Stamp(packet.Time), packet.File, packet.Frame, packet.Link, packet.Length, len(packet.Data))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func dumpSegments(ctx context.Context, p *pipeline, f *filterFlags, w io.Writer) error {
	for s, err := range p.segments(ctx) {
		if err != nil {
			return err
		}
		if ok, err := wantedSegment(p, f, s); err != nil {
			return err
		} else if !ok {
			continue
		}
		if _, err := io.WriteString(w, stages.Segment(s, p.mask)); err != nil {
			return err
		}
	}
	return nil
}

func wantedSegment(p *pipeline, f *filterFlags, s *reassembly.Segment) (bool, error) {
	if err := f.begin(p.progress.First); err != nil {
		return false, err
	}
	a, b := s.Conn.Ends[reassembly.A], s.Conn.Ends[reassembly.B]
	return f.Overlaps(s.Time, s.Time) && (f.Connection(s.Conn.ID, a, b) || f.Connection(s.Conn.ID, b, a)), nil
}

// dumpValues decodes each direction by itself. The client is whoever opened the connection, or else the first to send
// bytes that begin a command.
func dumpValues(ctx context.Context, p *pipeline, f *filterFlags, w io.Writer) error {
	for s, err := range p.segments(ctx) {
		if err != nil {
			return err
		}
		d, ok := s.Conn.Tag.(*stages.Values)
		if !ok {
			d = &stages.Values{}
			s.Conn.Tag = d
		}
		if s.End != reassembly.NotEnded || s.Length == 0 && s.Missing == 0 {
			continue
		}
		ok, err := wantedSegment(p, f, s)
		if err != nil {
			return err
		}
		out := w
		if !ok {
			out = io.Discard
		}
		if err := d.Write(out, s); err != nil {
			return err
		}
	}
	return nil
}

func dumpExchanges(ctx context.Context, p *pipeline, f *filterFlags, w io.Writer) error {
	for event, err := range f.Events(p.events(ctx)) {
		if err != nil {
			return err
		}
		if err := f.begin(p.progress.First); err != nil {
			return err
		}
		line := ""
		switch e := event.(type) {
		case *pairing.Exchange:
			if f.Exchange(report.SentName(e), report.Printable(string(e.Key.Raw())), e.Time) {
				line = stages.Exchange(e, p.shownFile(e.File), p.mask)
			}
		case *analysis.ConnSummary:
			line = fmt.Sprintf("%s conn=%d over start=%s end=%s protocol=%s role-by=%s commands=%d replies=%d policy=%s\n",
				report.Stamp(e.Last), e.ID, e.Start, e.End, e.Protocol, e.RoleBy, e.Commands, e.Replies, e.Policy)
		}
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}
