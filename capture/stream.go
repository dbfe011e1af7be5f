package capture

import (
	"bytes"
	"io"
	"math"
	"os"
)

// stream is one open input with the packet that it stands at.
type stream struct {
	origin
	w       *window
	r       reader
	file    *os.File // nil: another reader
	closers []io.Closer
	cur     Packet
	runMax  Time // latest time of the packets so far: the place of cur in a merge
	loaded  bool // cur is a packet that has not been delivered
}

// openStream recognises the input and makes it ready to deliver. It owns file, which may be nil, also on failure; other
// readers remain their owner's to close.
func openStream(f io.Reader, file *os.File, info *FileInfo, o Options, size int) (*stream, error) {
	s := &stream{origin: origin{info: info}, w: newWindow(f, size), file: file, runMax: math.MinInt64}
	if file != nil {
		s.closers = append(s.closers, file)
	}
	head, err := s.w.peek(4)
	if err != nil && err != io.EOF {
		s.close()
		return nil, s.ended(err, 0, 0, "magic number", len(head))
	}
	if c := compressionOf(head); c != "" {
		info.Compression = c
		limit := o.MaxDecompressed
		if limit <= 0 {
			limit = DefaultMaxDecompressed
		}
		seen := bytes.Clone(s.w.buf[s.w.r:s.w.w])
		z := newInflater(io.MultiReader(bytes.NewReader(seen), f), c, limit)
		s.closers = append([]io.Closer{z}, s.closers...)
		s.w = newWindow(z, size)
	}
	if s.r, err = newReader(s.w, &s.origin, o); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// advance goes to the next packet. The packet before is no longer valid.
func (s *stream) advance() error {
	s.loaded = false
	if err := s.r.next(&s.cur); err != nil {
		if err != io.EOF && s.info.Err == nil {
			s.info.Err = err
		}
		return err
	}
	s.count(&s.cur)
	s.loaded = true
	return nil
}

// count takes note of a packet that is about to be delivered.
func (s *stream) count(p *Packet) {
	s.info.record(p, s.runMax)
	s.runMax = max(s.runMax, p.Time)
}

// countAll does what count does, for packets behind the first.
func (s *stream) countAll(packets []Packet) {
	if len(packets) > 0 {
		s.runMax = s.info.recordAll(packets, s.runMax)
	}
}

// close also gives up the window: a ring has many files, of which the Source keeps only what is known of them.
func (s *stream) close() {
	for _, c := range s.closers {
		c.Close()
	}
	s.closers = nil
	s.w, s.r, s.loaded = nil, finished{}, false
	s.cur.Data = nil
}

// finished is the reader of a closed stream.
type finished struct{}

func (finished) next(*Packet) error { return io.EOF }
