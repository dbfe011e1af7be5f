package report

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// RowWriter writes the rows of pairs or conns as they come, in bounded memory.
type RowWriter struct {
	buf    *bufio.Writer
	format Format
	clock  Clock
	enc    *json.Encoder
	csv    *csv.Writer
	list   string // the JSON document's name for its rows
	rows   int64
	last   capture.Time
}

// NewRowWriter returns a writer for Text, JSON, NDJSON or CSV. list names the rows inside the JSON document.
func NewRowWriter(w io.Writer, format Format, list string, clock Clock) (*RowWriter, error) {
	r := &RowWriter{buf: bufio.NewWriterSize(w, 1<<16), format: format, clock: clock, list: list}
	switch format {
	case Text:
	case JSON, NDJSON:
		r.enc = json.NewEncoder(r.buf)
	case CSV:
		r.csv = csv.NewWriter(r.buf)
	default:
		return nil, fmt.Errorf("rows cannot be written as %s: choose text, json, ndjson or csv", format)
	}
	return r, nil
}

// Start says which moment relative times count from.
func (w *RowWriter) Start(first capture.Time) { w.clock.Start = first }

// Row writes one row.
func (w *RowWriter) Row(row Row) error {
	w.rows++
	switch w.format {
	case NDJSON:
		return w.enc.Encode(row)
	case JSON:
		open := ",\n"
		if w.rows == 1 {
			open = w.open()
		}
		if _, err := w.buf.WriteString(open); err != nil {
			return err
		}
		b, err := json.Marshal(row)
		if err != nil {
			return err
		}
		_, err = w.buf.Write(b)
		return err
	case CSV:
		if w.rows == 1 {
			if err := w.csv.Write(row.columns()); err != nil {
				return err
			}
		}
		cells := row.cells()
		for i := range cells {
			cells[i] = csvCell(cells[i])
		}
		return w.csv.Write(cells)
	}
	head := ""
	if w.rows == 1 {
		head = row.heading(w.clock) + "\n"
	}
	_, err := w.buf.WriteString(head + row.line(w.clock, w.last))
	w.last = row.moment()
	return err
}

func (w *RowWriter) open() string {
	return fmt.Sprintf("{\"schema_version\":%d,%q:[\n", SchemaVersion, w.list)
}

// none is a row of the kind that the document lists.
func (w *RowWriter) none() Row {
	if w.list == "connections" {
		return &ConnRow{}
	}
	return &ExchangeRow{}
}

// Close ends the document and writes out what is buffered. complete is what Document.Complete says.
func (w *RowWriter) Close(complete bool) error {
	switch w.format {
	case JSON:
		if w.rows == 0 {
			if _, err := w.buf.WriteString(w.open()); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w.buf, "\n],\"complete\":%t}\n", complete); err != nil {
			return err
		}
	case CSV:
		if w.rows == 0 {
			if err := w.csv.Write(w.none().columns()); err != nil {
				return err
			}
		}
		w.csv.Flush()
		if err := w.csv.Error(); err != nil {
			return err
		}
	}
	return w.buf.Flush()
}

// Flush writes out what is buffered, for a reader that follows a growing stream.
func (w *RowWriter) Flush() error {
	if w.csv != nil {
		w.csv.Flush()
	}
	return w.buf.Flush()
}

func (r *ExchangeRow) heading(c Clock) string {
	return fmt.Sprintf("%5s %5s %-15s %-26s %6s %-22s %s", "CONN", "INDEX", timeHead(c, r.moment()), "COMMAND", "FRAME", "SERVES", "BELIEVES")
}

func (r *ExchangeRow) moment() capture.Time { return capture.Time(r.Time) }

// timeHead stands above times of day, with their zone.
func timeHead(c Clock, t capture.Time) string { return strings.TrimSpace("TIME " + c.ZoneName(t)) }

// line shows a command and its key in one column.
func (r *ExchangeRow) line(c Clock, before capture.Time) string {
	what := r.Command
	if r.Key != nil {
		what += " " + *r.Key
	}
	serves := "none seen"
	switch {
	case r.Serves != nil && r.Exec != nil:
		serves = r.Exec.text()
	case r.Serves != nil && r.Serves.Error != "":
		serves = "-" + Shorten(r.Serves.Error, 13)
	case r.Serves != nil:
		serves = fmt.Sprintf("%s %d B", r.Serves.Kind, r.Serves.Bytes)
		if r.Serves.Value != "" {
			serves = Shorten(r.Serves.Value, 14)
		}
	case slices.Contains(r.Flags, "no-reply-due"):
		serves = "none due"
	}
	if r.Serves != nil {
		serves += " +" + briefGap(capture.Time(r.Serves.Time).Sub(capture.Time(r.Time)))
	}
	believes := "no reply"
	switch {
	case r.Believes != nil && r.Serves != nil && r.Believes.Index == r.Serves.Index:
		believes = "="
	case r.Believes != nil:
		believes = fmt.Sprintf("#%d %s", r.Believes.Index, r.Believes.Confidence)
	}
	var notes []string
	if r.Outstanding > 0 {
		notes = append(notes, fmt.Sprintf("out=%d", r.Outstanding))
	}
	for _, f := range r.Flags {
		if f != "handshake" && f != "no-reply-due" {
			notes = append(notes, f)
		}
	}
	tail := believes
	if len(notes) > 0 {
		tail += " (" + strings.Join(notes, ", ") + ")"
	}
	row := fmt.Sprintf("%5d %5d %-15s %-26s %6d %-22s ", r.Conn, r.Index, c.Short(r.moment(), before), Shorten(what, 26), r.Frame, serves)
	return hang(row, strings.Repeat(" ", continued), tail, textWidth)
}

func (r *ConnRow) heading(c Clock) string {
	return fmt.Sprintf("%5s %-21s %-21s %-8s %6s %6s %-9s %s\n%s%s", "CONN", "CLIENT", "SERVER", "ENDS", "CMDS", "REPL", "POLICY", "LIBRARY", strings.Repeat(" ", continued), timeHead(c, r.moment()))
}

func (r *ConnRow) moment() capture.Time { return capture.Time(r.First) }

// line has the figures on a first line, and what is remarkable on a second one.
func (r *ConnRow) line(c Clock, before capture.Time) string {
	notes := []string{c.Short(r.moment(), before), "for " + Gap(capture.Time(r.Last).Sub(capture.Time(r.First)))}
	if r.Protocol != "" && r.Protocol != "resp" {
		notes = append(notes, r.Protocol)
	}
	if r.ReadTimeoutMS != nil {
		notes = append(notes, "T="+r.timeout()+" ms")
	}
	if r.Dirty {
		notes = append(notes, "DIRTY")
	}
	if r.Behind > 0 {
		notes = append(notes, fmt.Sprintf("behind=%d", r.Behind))
	}
	if r.LostBytes > 0 {
		notes = append(notes, fmt.Sprintf("lost=%d B", r.LostBytes))
	}
	notes = append(notes, r.Findings...)
	indent := strings.Repeat(" ", continued)
	start := strings.TrimSuffix(r.Start, "stream")
	row := fmt.Sprintf("%5d %-21s %-21s %-8s %6d %6d %-9s %s", r.Conn, r.Client, r.Server, start+"-"+r.End, r.Commands, r.Replies,
		r.Policy, Shorten(strings.TrimSpace(r.Library+" "+r.Version), 14))
	return strings.TrimRight(row, " ") + "\n" + hang(indent, indent, strings.Join(notes, " "), textWidth)
}

// continued is how far lines that belong to the row above are indented.
const continued = 6

// briefGap is Gap with three digits, for columns.
func briefGap(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%dus", d/time.Microsecond)
	case d < time.Second:
		return fmt.Sprintf("%.1fms", float64(d)/1e6)
	}
	return fmt.Sprintf("%.3fs", d.Seconds())
}
