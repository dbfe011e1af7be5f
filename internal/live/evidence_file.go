package live

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"slices"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/report/evidence"
	"github.com/respsniff/respsniff/internal/wholefile"
	"github.com/respsniff/respsniff/reassembly"
)

// run writes the files that are handed over, until there are no more.
func (k *keeper) run() {
	defer close(k.done)
	for j := range k.writes {
		if j.removes != "" {
			if err := os.Remove(j.removes); err != nil && !errors.Is(err, fs.ErrNotExist) { // somebody may have taken it away
				k.warn("--evidence: %v", err)
			}
		}
		err := k.write(j)
		if err != nil {
			k.skipped.Add(1)
			k.warn("--evidence: %v", err)
			continue
		}
		k.written.Add(1)
		for i := range j.findings {
			k.kept(j.path, &j.findings[i])
		}
	}
}

// write makes the file. It reads the packets three times, as cut does: to count their connections, to learn what is
// secret in them, and to write them.
func (k *keeper) write(j *evidenceJob) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	slices.SortStableFunc(j.packets, func(a, b capture.Packet) int { return int(a.Frame - b.Frame) })
	var conns []int64
	type segments = iter.Seq2[*reassembly.Segment, error]
	events := func(through func(segments) segments) iter.Seq2[pairing.Event, error] {
		packets := func(yield func(capture.Packet, error) bool) {
			for _, p := range j.packets {
				if !yield(p, nil) {
					return
				}
			}
		}
		return analysis.Events(through(reassembly.Segments(packets, nil)), &analysis.Options{Ports: k.ports})
	}
	for event := range events(func(s segments) segments { return s }) {
		if o, ok := event.(*analysis.Opened); ok {
			conns = append(conns, o.Session.ID)
		}
	}
	cutter := evidence.New(conns, k.o.Raw)
	for event := range events(cutter.Segments) {
		cutter.Watch(event)
	}
	text := "kept by respsniff live"
	for i := range j.findings {
		f := &j.findings[i]
		text += fmt.Sprintf("\n%s %s: %s", f.Rule, f.Name, f.Title)
		for n := range f.Examples {
			cutter.Example(0, f, n)
		}
	}
	if j.cut {
		text += fmt.Sprintf("\ncut at %d bytes: there were more packets", k.o.Size)
	}
	return wholefile.Write(j.path, false, func(w io.Writer) error {
		out, err := capture.NewWriter(w, capture.WriterOptions{Comment: report.Printable(text), InterfaceName: k.name})
		if err != nil {
			return err
		}
		for _, p := range j.packets {
			if cut, comment, keep := cutter.Cut(p); keep {
				if err := out.Write(cut, comment); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
