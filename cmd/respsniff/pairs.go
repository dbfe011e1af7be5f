package main

import (
	"context"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
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
	allowIncomplete bool
}

func (o *rowOptions) add(cmd *cobra.Command) {
	o.input.add(cmd)
	o.filter.add(cmd, false)
	o.output.add(cmd, rowFormats)
	addAllowIncomplete(cmd, &o.allowIncomplete)
}

func newPairsCommand(a *app) *cobra.Command {
	var o rowOptions
	cmd := &cobra.Command{
		Use:   "pairs FILE... | DIR | -",
		Short: "Print every command with the reply the server meant and the reply its caller got",
		Long: `Pairs prints one row for each command of each connection. SERVES is the reply that the server meant
for it. BELIEVES is the reply that its caller got: "=" is its own, "#2" is that of command 2 of the
connection. "EXEC[2] bulk" is the element of EXEC's array that answers a queued command; the time
beside it is that of QUEUED.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.rows(cmd.Context(), a, names, "exchanges", pairRows)
		},
	}
	o.add(cmd)
	return cmd
}

// pairRows writes the exchanges as they settle.
func pairRows(ctx context.Context, p *pipeline, f *filterFlags, out rowWriters) error {
	lines := errorLines{}
	for event, err := range f.Events(p.events(ctx)) {
		if err != nil {
			return err
		}
		if a, ok := event.(*analysis.Answered); ok {
			lines.see(a)
		}
		e, ok := event.(*pairing.Exchange)
		if !ok {
			continue
		}
		line, long := lines.take(e)
		if err := f.begin(p.progress.First); err != nil {
			return err
		}
		if !f.Exchange(report.CommandName(e), report.Printable(string(e.Key.Raw())), e.Time) {
			continue
		}
		row := rows.NewExchange(e, e.Session.ID, e.Session.Client, e.Session.Server, p.shownFile(e.File), p.mask)
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
	return nil
}

// rows opens the pipeline and writes the rows that produce makes.
func (o *rowOptions) rows(ctx context.Context, a *app, names []string, list string,
	produce func(context.Context, *pipeline, *filterFlags, rowWriters) error,
) error {
	if err := o.output.check(rowFormats); err != nil {
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
	ws, done := o.output.rowOutputs(a)
	complete := false
	err = done(func() error {
		var out rowWriters
		for i, w := range ws {
			one, err := rows.NewWriter(w, o.output.outputs[i].format, list, report.Clock{Style: o.output.style, Zone: o.output.location})
			if err != nil {
				return err
			}
			out = append(out, one)
		}
		if err := produce(ctx, p, &o.filter, out); err != nil {
			return err
		}
		complete = p.document().Complete
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

// errorLines holds errors that are longer than an exchange keeps, until their exchanges come.
type errorLines map[errorPlace]string

type errorPlace struct {
	conn  int64
	index int
}

// maxErrorLines bounds them: exchanges come when all of their connection is understood.
const maxErrorLines = 1 << 14

func (l errorLines) see(a *analysis.Answered) {
	if a.Exchange.Served && a.Exchange.Serves.IsError() && !a.Exchange.Serves.Text.Whole() && len(l) < maxErrorLines {
		l[errorPlace{a.Session.ID, a.Exchange.Index}] = string(a.Reply.Text)
	}
}

// take gives the error of an exchange, if it is one of them.
func (l errorLines) take(e *pairing.Exchange) (line string, ok bool) {
	at := errorPlace{e.Session.ID, e.Index}
	line, ok = l[at]
	delete(l, at)
	return line, ok && e.Served && e.Serves.IsError() && strings.HasPrefix(line, string(e.Serves.Text.Raw()))
}

// rowWriters write the same rows to every output.
type rowWriters []*rows.Writer

func (ws rowWriters) start(first capture.Time) {
	for _, w := range ws {
		w.Start(first)
	}
}

func (ws rowWriters) row(row rows.Row) error {
	for _, w := range ws {
		if err := w.Row(row); err != nil {
			return unreadable(err)
		}
	}
	return nil
}

func (ws rowWriters) close(complete bool) error {
	for _, w := range ws {
		if err := w.Close(complete); err != nil {
			return unreadable(err)
		}
	}
	return nil
}
