// Package timesort puts records in order of time, in bounded memory.
package timesort

import (
	"bufio"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/respsniff/respsniff/capture"
)

// Bounds of a Sorter. Its memory is DefaultMemory and maxRuns buffers of runBuffer bytes; the rest is in temporary files.
const (
	DefaultMemory = 32 << 20 // bytes of records, and of what is kept of each
	maxRuns       = 64       // temporary files at once: more are merged into one
	runBuffer     = 64 << 10
	perRecord     = 40 // bytes kept of a record besides its own
	maxRecord     = 16 << 20
)

// Sorter takes records in any order and returns them in order of time, those of one time in the order in which they came.
// While they fit into Memory nothing is written; beyond, sorted runs go to temporary files (in the directory of os.TempDir,
// mode 0600, and without a name where the system allows that), which are merged at the end. The zero value is ready.
type Sorter struct {
	Memory int // bytes; 0: DefaultMemory

	text    []byte
	records []record
	number  uint64
	runs    []*os.File
}

// record is one in memory.
type record struct {
	at     capture.Time
	number uint64 // in order of coming
	start  int
	length int
}

func byTime(a, b record) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.number, b.number)) }

// Add takes a record, and copies its text.
func (s *Sorter) Add(at capture.Time, text []byte) error {
	if len(text) > maxRecord {
		return fmt.Errorf("a record of %d bytes to sort; %d is the most", len(text), maxRecord)
	}
	if len(s.records) > 0 && len(s.text)+len(text)+perRecord*len(s.records) > cmp.Or(s.Memory, DefaultMemory) {
		if err := s.spill(); err != nil {
			return err
		}
	}
	s.records = append(s.records, record{at, s.number, len(s.text), len(text)})
	s.text = append(s.text, text...)
	s.number++
	return nil
}

// spill writes what is in memory as a run.
func (s *Sorter) spill() error {
	slices.SortFunc(s.records, byTime)
	err := s.run(func(w *runWriter) error {
		for _, r := range s.records {
			if err := w.write(r.at, r.number, s.text[r.start:r.start+r.length]); err != nil {
				return err
			}
		}
		return nil
	})
	s.records, s.text = s.records[:0], s.text[:0]
	if err == nil && len(s.runs) >= maxRuns {
		err = s.join()
	}
	return err
}

// join makes one run of all.
func (s *Sorter) join() error {
	old := s.runs
	s.runs = nil
	err := s.run(func(w *runWriter) error {
		for r, err := range merged(old) {
			if err == nil {
				err = w.write(r.at, r.number, r.text)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, remove(old))
}

// run writes a temporary file.
func (s *Sorter) run(fill func(*runWriter) error) error {
	f, err := os.CreateTemp("", "respsniff-sort-*")
	if err != nil {
		return fmt.Errorf("sorting by time: %w", err)
	}
	s.runs = append(s.runs, f)
	os.Remove(f.Name()) // Windows keeps it until it is closed: see remove
	w := runWriter{buf: bufio.NewWriterSize(f, runBuffer)}
	if err = fill(&w); err == nil {
		err = w.buf.Flush()
	}
	if err != nil {
		return fmt.Errorf("sorting by time: %w", err)
	}
	return nil
}

// All returns the records. A text is valid until the next one is asked for.
func (s *Sorter) All() iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		if len(s.runs) == 0 {
			slices.SortFunc(s.records, byTime)
			for _, r := range s.records {
				if !yield(s.text[r.start:r.start+r.length], nil) {
					return
				}
			}
			return
		}
		if len(s.records) > 0 {
			if err := s.spill(); err != nil {
				yield(nil, err)
				return
			}
		}
		for r, err := range merged(s.runs) {
			if err != nil {
				yield(nil, fmt.Errorf("sorting by time: %w", err))
				return
			}
			if !yield(r.text, nil) {
				return
			}
		}
	}
}

// Close removes the temporary files. The Sorter can be used again.
func (s *Sorter) Close() error {
	runs := s.runs
	*s = Sorter{Memory: s.Memory}
	return remove(runs)
}

func remove(runs []*os.File) (failed error) {
	for _, f := range runs {
		failed = errors.Join(failed, f.Close())
		os.Remove(f.Name())
	}
	return failed
}

// runWriter writes records: time, number and length as varints, then the text.
type runWriter struct{ buf *bufio.Writer }

func (w *runWriter) write(at capture.Time, number uint64, text []byte) error {
	var head [3 * binary.MaxVarintLen64]byte
	b := binary.AppendVarint(head[:0], int64(at))
	b = binary.AppendUvarint(b, number)
	b = binary.AppendUvarint(b, uint64(len(text)))
	if _, err := w.buf.Write(b); err != nil {
		return err
	}
	_, err := w.buf.Write(text)
	return err
}

// runReader stands at a record of a run.
type runReader struct {
	buf    *bufio.Reader
	at     capture.Time
	number uint64
	text   []byte
}

// next goes to the next record; io.EOF is the end.
func (r *runReader) next() error {
	at, err := binary.ReadVarint(r.buf)
	if err != nil {
		return err
	}
	r.at = capture.Time(at)
	if r.number, err = binary.ReadUvarint(r.buf); err != nil {
		return unexpected(err)
	}
	n, err := binary.ReadUvarint(r.buf)
	if err != nil || n > maxRecord {
		return unexpected(err)
	}
	r.text = slices.Grow(r.text[:0], int(n))[:n]
	_, err = io.ReadFull(r.buf, r.text)
	if err != nil {
		return unexpected(err)
	}
	return nil
}

func unexpected(err error) error {
	if err == nil || err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// merged returns the records of runs in order.
func merged(runs []*os.File) iter.Seq2[*runReader, error] {
	return func(yield func(*runReader, error) bool) {
		var order readers
		for _, f := range runs {
			if _, err := f.Seek(0, io.SeekStart); err != nil {
				yield(nil, err)
				return
			}
			r := &runReader{buf: bufio.NewReaderSize(f, runBuffer)}
			switch err := r.next(); {
			case err == nil:
				order = append(order, r)
			case err != io.EOF:
				yield(nil, err)
				return
			}
		}
		heap.Init(&order)
		for len(order) > 0 {
			if !yield(order[0], nil) {
				return
			}
			switch err := order[0].next(); {
			case err == io.EOF:
				heap.Pop(&order)
			case err != nil:
				yield(nil, err)
				return
			default:
				heap.Fix(&order, 0)
			}
		}
	}
}

// readers are a heap by the records that they stand at.
type readers []*runReader

func (h readers) Len() int { return len(h) }
func (h readers) Less(i, j int) bool {
	return h[i].at < h[j].at || h[i].at == h[j].at && h[i].number < h[j].number
}
func (h readers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push is for package heap.
func (h *readers) Push(x any) { *h = append(*h, x.(*runReader)) }

// Pop is for package heap.
func (h *readers) Pop() any {
	last := len(*h) - 1
	r := (*h)[last]
	*h = (*h)[:last]
	return r
}
