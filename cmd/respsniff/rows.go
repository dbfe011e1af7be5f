package main

import (
	"context"
	"errors"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/spf13/cobra"
)

var rowFormats = []report.Format{report.Text, report.JSON, report.NDJSON, report.CSV}

// rowOptions are the flags of the commands that print rows as they come.
type rowOptions struct {
	input           inputFlags
	filter          filterFlags
	output          outputFlags
	by              string // "conn" or "time"
	allowIncomplete bool
}

func (o *rowOptions) add(cmd *cobra.Command) {
	o.input.add(cmd)
	o.filter.add(cmd, false)
	o.output.add(cmd, rowFormats)
	cmd.Flags().StringVar(&o.by, "by", "conn", "`ORDER` of rows: conn, one connection after another as they are understood; or time, all when the capture is read "+
		"(what does not fit into a sixteenth of --memory-limit waits in temporary files)")
	under(cmd, headOutput)
	must(cmd.RegisterFlagCompletionFunc("by", cobra.FixedCompletions([]string{"conn", "time"}, cobra.ShellCompDirectiveNoFileComp)))
	addAllowIncomplete(cmd, &o.allowIncomplete)
}

// rows opens the pipeline and writes the rows that produce makes.
func (o *rowOptions) rows(ctx context.Context, a *app, names []string, list string,
	produce func(context.Context, *pipeline, *filterFlags, *rowSink) error,
) error {
	if err := o.output.check(rowFormats); err != nil {
		return err
	}
	if err := o.filter.check(o.output.location); err != nil {
		return err
	}
	if o.by != "conn" && o.by != "time" {
		return usagef("--by %s: want conn or time", o.by)
	}
	p, err := openPipeline(a, names, &o.input, o.output.location, o.allowIncomplete || o.output.machine())
	if err != nil {
		return err
	}
	defer p.close()
	ws, done := o.output.rowOutputs(a)
	complete := false
	err = done(func() (err error) {
		out := rowSink{label: report.Label{Run: report.Printable(p.label.Run), Host: report.Printable(p.label.Host)}}
		if o.by == "time" {
			out.sorter = rows.NewSorter(list, int(a.memory/16))
			defer func() { err = errors.Join(err, out.sorter.Close()) }()
		}
		for i, w := range ws {
			one, err := rows.NewWriter(w, o.output.outputs[i].format, list, report.Clock{Style: o.output.style, Zone: o.output.location})
			if err != nil {
				return err
			}
			out.writers = append(out.writers, one)
		}
		if err := produce(ctx, p, &o.filter, &out); err != nil {
			return err
		}
		doc := p.document()
		complete = doc.Complete
		for _, limit := range doc.Quality.LimitsReached {
			a.warn("%s", limit)
		}
		return out.close(complete)
	}())
	if err != nil {
		return err
	}
	if !complete && !o.allowIncomplete {
		return &exitError{code: exitIncomplete}
	}
	return nil
}

// rowSink writes the same rows to every output: as they come, or with a sorter in order of time at the end.
type rowSink struct {
	writers []*rows.Writer
	sorter  *rows.Sorter // nil: as they come
	label   report.Label
}

func (s *rowSink) start(first capture.Time) {
	for _, w := range s.writers {
		w.Start(first)
	}
}

func (s *rowSink) row(row rows.Row) error {
	row.SetLabel(s.label)
	if s.sorter == nil {
		return s.write(row)
	}
	if err := s.sorter.Add(row); err != nil {
		return unreadable(err)
	}
	return nil
}

func (s *rowSink) write(row rows.Row) error {
	for _, w := range s.writers {
		if err := w.Row(row); err != nil {
			return unreadable(err)
		}
	}
	return nil
}

func (s *rowSink) close(complete bool) error {
	if s.sorter != nil {
		for row, err := range s.sorter.Rows() {
			if err != nil {
				return unreadable(err)
			}
			if err := s.write(row); err != nil {
				return err
			}
		}
	}
	for _, w := range s.writers {
		if err := w.Close(complete); err != nil {
			return unreadable(err)
		}
	}
	return nil
}
