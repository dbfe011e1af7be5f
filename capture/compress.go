package capture

import (
	"bufio"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Bounds of decompression.
const (
	inflateBuffers = 4         // chunks between the inflating goroutine and the reader
	inflateBytes   = 128 << 10 // of one chunk
	// maxZstdWindow bounds the memory that a 20-byte frame header can claim; zstd -19 needs 8 MiB of it.
	maxZstdWindow = 64 << 20
	// DefaultMaxDecompressed is how much one compressed file may unfold to unless Options says otherwise.
	DefaultMaxDecompressed = 64 << 30
)

// inflater decompresses in a goroutine of its own, which takes about half of the work of reading a compressed capture
// off the caller. Its memory is inflateBuffers chunks and the decoder's window.
type inflater struct {
	full  chan inflated
	empty chan []byte
	quit  chan struct{}
	once  sync.Once
	cur   []byte
	rest  []byte // unread part of cur
	err   error
}

type inflated struct {
	b   []byte
	err error
}

// newInflater starts on src; limit is the most bytes it gives out. Close ends the goroutine as soon as its read of src
// returns.
func newInflater(src io.Reader, compression string, limit int64) *inflater {
	f := &inflater{
		full:  make(chan inflated, inflateBuffers),
		empty: make(chan []byte, inflateBuffers),
		quit:  make(chan struct{}),
	}
	for range inflateBuffers {
		f.empty <- make([]byte, inflateBytes)
	}
	go f.run(src, compression, limit)
	return f
}

// Read implements io.Reader; it gives what there is of one chunk.
func (f *inflater) Read(p []byte) (int, error) {
	for len(f.rest) == 0 {
		if f.err != nil {
			return 0, f.err
		}
		if f.cur != nil {
			f.empty <- f.cur[:inflateBytes]
			f.cur = nil
		}
		select {
		case c := <-f.full:
			f.cur, f.rest, f.err = c.b, c.b, c.err
		case <-f.quit:
			f.err = io.ErrClosedPipe
		}
	}
	n := copy(p, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

// Close makes the goroutine end; it does not wait for it.
func (f *inflater) Close() error {
	f.once.Do(func() { close(f.quit) })
	return nil
}

func (f *inflater) run(src io.Reader, compression string, limit int64) {
	z, err := newDecompressor(src, compression)
	if err != nil {
		f.send(inflated{err: err})
		return
	}
	defer z.Close()
	left := limit
	for {
		var b []byte
		select {
		case b = <-f.empty:
		case <-f.quit:
			return
		}
		n, err := z.Read(b)
		if int64(n) > left {
			n = int(left)
			err = &FormatError{Err: ErrLimit, Msg: fmt.Sprintf(
				"uncompressed size is over the limit of %d bytes (--max-decompressed)", limit)}
		}
		left -= int64(n)
		if !f.send(inflated{b[:n], err}) || err != nil {
			return
		}
	}
}

func (f *inflater) send(c inflated) bool {
	select {
	case f.full <- c:
		return true
	case <-f.quit:
		return false
	}
}

func newDecompressor(src io.Reader, compression string) (io.ReadCloser, error) {
	if compression == compressedGzip {
		return newGzipReader(src)
	}
	d, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(maxZstdWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// gzipReader reads the members of a gzip file, and steps over zeros between and behind them, which tapes and some rotations
// write up to a block's end (gzip(1) does too).
type gzipReader struct {
	*gzip.Reader
	src *bufio.Reader
}

func newGzipReader(src io.Reader) (*gzipReader, error) {
	z := &gzipReader{src: bufio.NewReaderSize(src, inflateBytes)}
	var err error
	if z.Reader, err = gzip.NewReader(z.src); err != nil {
		return nil, err
	}
	z.Multistream(false)
	return z, nil
}

func (z *gzipReader) Read(p []byte) (int, error) {
	n, err := z.Reader.Read(p)
	switch {
	case err != io.EOF:
		return n, err
	case n > 0:
		return n, nil // the next call meets the end again
	}
	for {
		b, err := z.src.ReadByte()
		if err != nil {
			return 0, err
		}
		if b != 0 {
			break
		}
	}
	if err := z.src.UnreadByte(); err != nil {
		return 0, err
	}
	if err := z.Reset(z.src); err != nil {
		return 0, err
	}
	z.Multistream(false)
	return 0, nil
}
