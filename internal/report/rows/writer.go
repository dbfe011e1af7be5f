// Package rows writes one row for each command (pairs) or each connection (conns), in bounded memory.
package rows

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Row is what Writer writes: an *Exchange or a *Conn.
type Row interface {
	columns() []string
	cells() []string
	heading(report.Clock) string
	line(c report.Clock, before capture.Time) string
	moment() capture.Time
	SetLabel(report.Label)
}

// Labelled is the run and the host of a row.
type Labelled struct{ report.Label }

// SetLabel says of which run and host a row is.
func (l *Labelled) SetLabel(to report.Label) { l.Label = to }

// Writer writes the rows of pairs or conns as they come, in bounded memory.
type Writer struct {
	buf    *bufio.Writer
	format report.Format
	clock  report.Clock
	json   encoder
	csv    *csv.Writer
	list   string // the JSON document's name for its rows
	rows   int64
	last   capture.Time
}

// NewWriter returns a writer for Text, JSON, NDJSON or CSV. list names the rows inside the JSON document.
func NewWriter(w io.Writer, format report.Format, list string, clock report.Clock) (*Writer, error) {
	r := &Writer{buf: bufio.NewWriterSize(w, 1<<16), format: format, clock: clock, list: list}
	switch format {
	case report.Text, report.JSON, report.NDJSON:
	case report.CSV:
		r.csv = csv.NewWriter(r.buf)
	default:
		return nil, fmt.Errorf("rows cannot be written as %s: choose text, json, ndjson or csv", format)
	}
	return r, nil
}

// Start says which moment relative times count from.
func (w *Writer) Start(first capture.Time) { w.clock.Start = first }

// Row writes one row.
func (w *Writer) Row(row Row) error {
	w.rows++
	switch w.format {
	case report.NDJSON:
		if err := w.json.row(row); err != nil {
			return err
		}
		_, err := w.buf.Write(append(w.json.buf, '\n'))
		return err
	case report.JSON:
		open := ",\n"
		if w.rows == 1 {
			open = w.open()
		}
		if _, err := w.buf.WriteString(open); err != nil {
			return err
		}
		if err := w.json.row(row); err != nil {
			return err
		}
		_, err := w.buf.Write(w.json.buf)
		return err
	case report.CSV:
		if w.rows == 1 {
			if err := w.csv.Write(row.columns()); err != nil {
				return err
			}
		}
		cells := row.cells()
		for i := range cells {
			cells[i] = report.CSVCell(cells[i])
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

func (w *Writer) open() string {
	return fmt.Sprintf("{\"schema_version\":%d,%q:[\n", report.SchemaVersion, w.list)
}

// none is a row of the kind that the document lists.
func (w *Writer) none() Row { return none(w.list) }

func none(list string) Row {
	if list == "connections" {
		return &Conn{}
	}
	return &Exchange{}
}

// Close ends the document and writes out what is buffered. complete is what Document.Complete says.
func (w *Writer) Close(complete bool) error {
	switch w.format {
	case report.JSON:
		if w.rows == 0 {
			if _, err := w.buf.WriteString(w.open()); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintf(w.buf, "\n],\"complete\":%t}\n", complete); err != nil {
			return err
		}
	case report.CSV:
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
func (w *Writer) Flush() error {
	if w.csv != nil {
		w.csv.Flush()
	}
	return w.buf.Flush()
}

// timeHead stands above times of day, with their zone.
func timeHead(c report.Clock, t capture.Time) string {
	return strings.TrimSpace("TIME " + c.ZoneName(t))
}

// continued is how far lines that belong to the row above are indented.
const continued = 6
