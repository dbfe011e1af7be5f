package live

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/formats"
	"github.com/respsniff/respsniff/internal/wholefile"
)

// Streams reports whether a format is written while the run goes on. A run has at most MaxStreams such outputs.
func Streams(f report.Format) bool {
	return slices.Contains([]report.Format{report.Text, report.NDJSON}, f)
}

// outputs are those that grow while the run goes on, and those that are written at its end.
type outputs struct {
	growing []*output
	last    []Output
	force   bool
	stdout  io.Writer
}

// output is one that grows.
type output struct {
	Output
	stream *stream
	file   *os.File // nil: standard output
}

// open opens the growing ones, and tries the places of the others.
func (s *outputs) open(o *Options) error {
	s.force, s.stdout = o.Force, o.Stdout
	for _, out := range o.Outputs {
		out.Options.Gate = o.Gate
		if !Streams(out.Format) {
			// Written at the end, hours from now: what will fail then, now that rights are dropped, fails before.
			if err := wholefile.Check(out.Path); err != nil {
				return refusef("-o: %w", err)
			}
			s.last = append(s.last, out)
			continue
		}
		x := &output{Output: out}
		var w io.Writer = s.stdout
		if out.Path != "" {
			f, err := os.OpenFile(out.Path, s.flags(out.Path), 0o600)
			if err != nil {
				return refusef("-o: %w", err)
			}
			x.file, w = f, f
		}
		x.stream = newStream(w)
		s.growing = append(s.growing, x)
	}
	return nil
}

// flags are those with which a growing file is opened.
func (s *outputs) flags(path string) int {
	if s.force {
		return os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return os.O_WRONLY // a pipe, /dev/null
	}
	return os.O_WRONLY | os.O_CREATE | os.O_EXCL
}

// send renders a message for each output of a format and sends it.
func (s *outputs) send(format report.Format, render func(*output) []byte) {
	for _, out := range s.growing {
		if out.Format == format {
			out.stream.send(render(out))
		}
	}
}

// skipped counts the messages that outputs were too slow to take.
func (s *outputs) skipped() (n int64) {
	for _, out := range s.growing {
		n += out.stream.skipped.Load()
	}
	return n
}

// end writes the report of the whole run to every output.
func (s *outputs) end(d *report.Document) error {
	for _, out := range s.growing {
		if err := out.end(d); err != nil {
			return fmt.Errorf("-o %s: %w", out.Format, err)
		}
	}
	for _, out := range s.last {
		write := func(w io.Writer) error { return formats.Write(w, out.Format, d, out.Options) }
		if out.Path != "" {
			if err := wholefile.Write(out.Path, s.force, write); err != nil {
				return err
			}
		} else if err := write(s.stdout); err != nil {
			return fmt.Errorf("standard output: %w", err)
		}
	}
	return nil
}

// end writes the last message and closes the file.
func (out *output) end(d *report.Document) error {
	var b bytes.Buffer
	err := formats.Write(&b, out.Format, d, out.Options)
	if failed := out.stream.end(b.Bytes()); err == nil {
		err = failed
	}
	if out.file != nil {
		if failed := out.file.Close(); err == nil {
			err = failed
		}
	}
	return err
}

// clock is how an output shows moments: relative ones count from began.
func (out *output) clock(began capture.Time) report.Clock {
	c := out.Options.Clock
	c.Start = began
	return c
}
