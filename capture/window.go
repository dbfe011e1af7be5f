package capture

import (
	"bytes"
	"io"
)

// Sizes of a window.
const (
	windowBytes = 256 << 10 // one read; larger ones are not faster, and a ring of files has one each
	probeBytes  = 16 << 10  // for a file of which only the first packet's time is wanted
	// maxPacketBytes is the most captured bytes of one packet, far over any snaplen in use.
	maxPacketBytes = 16 << 20
	// maxWindow lets the largest packet and its record header stand whole in the window.
	maxWindow = maxPacketBytes + 1<<20
	// maxEmptyReads is how often a reader may return nothing without an error.
	maxEmptyReads = 100
)

// window is a sliding view on a stream in which records are parsed where they lie. It never asks for more than one
// read beyond what is needed, so that a growing pipe delivers each record as soon as it is whole.
type window struct {
	src  io.Reader
	buf  []byte
	r, w int   // buf[r:w] is read and not consumed
	base int64 // stream offset of buf[0]
	err  error // sticky, io.EOF at the end
}

func newWindow(src io.Reader, size int) *window {
	return &window{src: src, buf: make([]byte, size)}
}

// offset is the position of the next unread byte in the stream.
func (b *window) offset() int64 { return b.base + int64(b.r) }

// peek returns the next n bytes without consuming them, borrowed until the next call that reads. If the stream ends
// before, it returns what is left and the stream's error. n must not be over maxWindow.
func (b *window) peek(n int) ([]byte, error) {
	if b.w-b.r >= n {
		return b.buf[b.r : b.r+n], nil
	}
	return b.fill(n)
}

func (b *window) fill(n int) ([]byte, error) {
	for empty := 0; b.w-b.r < n && b.err == nil; {
		b.makeRoom(n)
		m, err := b.src.Read(b.buf[b.w:])
		b.w += m
		switch {
		case err != nil:
			b.err = err
		case m > 0:
			empty = 0
		default:
			if empty++; empty >= maxEmptyReads {
				b.err = io.ErrNoProgress
			}
		}
	}
	if b.w-b.r >= n {
		return b.buf[b.r : b.r+n], nil
	}
	return b.buf[b.r:b.w], b.err
}

// makeRoom slides the unread bytes to the front. A buffer that is full of them is doubled, never taken at the size
// that a record declares, so that memory follows the bytes that really come.
func (b *window) makeRoom(n int) {
	if b.r > 0 && (b.r == b.w || b.r+n > len(b.buf)) {
		copy(b.buf, b.buf[b.r:b.w])
		b.base += int64(b.r)
		b.w -= b.r
		b.r = 0
	}
	if b.w == len(b.buf) {
		grown := make([]byte, min(2*len(b.buf), maxWindow))
		copy(grown, b.buf[:b.w])
		b.buf = grown
	}
}

// take consumes n bytes that peek has shown.
func (b *window) take(n int) { b.r += n }

// skip consumes n bytes, which need not fit the window, and returns how many there were.
func (b *window) skip(n int64) (int64, error) {
	left := n
	for left > 0 {
		if b.r == b.w {
			if _, err := b.fill(1); b.r == b.w {
				return n - left, err
			}
		}
		m := min(left, int64(b.w-b.r))
		b.r += int(m)
		left -= m
	}
	return n, nil
}

// line returns the next line without its end, and how many bytes to take for it. Of a line longer than limit only the
// first limit bytes are given, and the rest is the next line. At the end of the stream a last line without a newline
// is given with whole false, then the stream's error.
func (b *window) line(limit int) (text []byte, n int, whole bool, err error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(b.buf[b.r+seen:b.w], '\n'); i >= 0 {
			n = seen + i + 1
			return bytes.TrimSuffix(b.buf[b.r:b.r+n-1], []byte("\r")), n, true, nil
		}
		seen = b.w - b.r
		if seen >= limit {
			return b.buf[b.r : b.r+limit], limit, true, nil
		}
		if _, err = b.fill(seen + 1); b.w-b.r == seen {
			if seen > 0 {
				return b.buf[b.r:b.w], seen, false, nil
			}
			return nil, 0, false, err
		}
	}
}
