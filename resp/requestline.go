package resp

import (
	"bytes"
	"encoding/binary"
)

// minBulk is the length of the shortest bulk string, "$0" and two CRLF.
const minBulk = 6

// Single is Feed and Next for the usual segment: it takes p if it is exactly one request and the stream is known to stand
// at a boundary. Else it returns false and has done nothing.
func (d *RequestDecoder) Single(p []byte, req *Request) bool {
	if !d.in.taken && (d.part != nil || !d.in.settled()) || readRequest(p, 0, req) != uint(len(p)) || len(p) == 0 {
		return false
	}
	req.LostBefore, req.Doubtful = 0, false
	d.in.take(int64(len(p)))
	req.Start, req.End = d.in.base-int64(len(p)), d.in.base
	return true
}

// usual takes a request that lies whole in the segment, as nearly all do. Where it returns false nothing has been consumed.
func (d *RequestDecoder) usual(req *Request) bool {
	if d.in.lost {
		return false
	}
	end := readRequest(d.in.p, uint(d.in.pos), req)
	if end == 0 {
		return false
	}
	req.Start = d.in.offset()
	req.LostBefore, req.Doubtful = req.Start-d.in.framed, d.in.doubt
	req.End = d.in.base + int64(end)
	d.in.pos, d.in.framed = int(end), req.End
	return true
}

// readRequest reads a request of at most MaxArgs arguments at p[i:] and returns where it ends, or 0 if there is none in
// the usual form. It indexes p and cuts nothing off its front, which costs as much as the test of a marker, and tells the
// compiler by the slices of minBulk bytes that what it reads is there: 287 instructions for SET with key and value where
// it took 432.
func readRequest(p []byte, i uint, req *Request) (end uint) {
	b := p[:len(p):len(p)]
	if i+minBulk > uint(len(b)) {
		return 0
	}
	head := b[i : i+minBulk : i+minBulk]
	n, used := short(binary.LittleEndian.Uint32(head[1:]))
	if head[0] != '*' || n < 1 || n > MaxArgs {
		return 0
	}
	if int(n) > cap(req.Args) {
		req.Args = make([]Arg, 0, MaxArgs)
	}
	req.Args = req.Args[:n]
	args := req.Args
	i += uint(used)
	for k := range args {
		if i+minBulk > uint(len(b)) {
			return 0
		}
		head := b[i : i+minBulk : i+minBulk]
		size, used := short(binary.LittleEndian.Uint32(head[1:]))
		if used == 0 {
			if size, used = header(b[i+1:]); used == 0 || size > int64(len(b)) {
				return 0
			}
			used++
		}
		i += uint(used)
		end := i + uint(size)
		if head[0] != '$' || end+2 > uint(len(b)) {
			return 0
		}
		a := &args[k]
		a.Bytes, a.Len = b[i:end:end], int(size)
		i = end + 2
	}
	name := args[0].Bytes
	if len(name) == 4 && EqualFold(name, "POST") || len(name) == 5 && EqualFold(name, "HOST:") {
		return 0
	}
	req.Last = args[len(args)-1]
	req.NArgs, req.Inline, req.Opaque, req.Resynced = len(args), false, false, false
	return i
}

// number reads a count or length line and consumes it, also where it is wrong.
func (d *RequestDecoder) number(b []byte, st *requestState) (int64, error) {
	var begun []byte
	if d.part != nil {
		begun = d.part.line
	}
	if len(begun) == 0 && len(b) > 1 && (st.phase == reqCount || b[0] == '$') {
		if n, used := header(b[1:]); used > 0 && n <= maxMultibulk {
			d.in.pos += 1 + used
			return n, nil
		}
	}
	line := b
	var joined [2 * maxHeader]byte
	if len(begun) > 0 {
		line = joined[:copy(joined[:], begun)]
		line = append(line, b[:min(len(b), maxHeader)]...)
	}
	if len(line) == 0 {
		return 0, ErrShort
	}
	if st.phase == reqLength && line[0] != '$' {
		d.in.pos = min(d.in.pos+1, len(d.in.p))
		return 0, protocolError("Protocol error: expected '$', got '" + string(rune(printable(line[0]))) + "'")
	}
	end := bytes.IndexByte(line[:min(len(line), maxHeader)], '\r')
	if end < 0 || end+1 == len(line) {
		if len(line) < maxHeader {
			return 0, ErrShort
		}
		d.in.pos = min(d.in.pos+1, len(d.in.p))
		if st.phase == reqCount {
			return 0, errBadCount
		}
		return 0, errBadLength
	}
	d.in.pos += end + 2 - len(begun)
	if d.part != nil {
		d.part.line = d.part.line[:0]
	}
	n, ok := ParseInt(line[1:end])
	switch {
	case st.phase == reqCount && (!ok || n > maxMultibulk):
		return 0, errBadCount
	case st.phase == reqLength && (!ok || n < 0 || n > MaxBulk):
		return 0, errBadLength
	}
	return n, nil
}

// protocolError is the text that Redis answers a broken request with.
type protocolError string

func (e protocolError) Error() string { return string(e) }

const (
	errBadCount  = protocolError("Protocol error: invalid multibulk length")
	errBadLength = protocolError("Protocol error: invalid bulk length")
	errBigInline = protocolError("Protocol error: too big inline request")
)

func printable(c byte) byte {
	if c < 0x20 || c > 0x7e {
		return '.'
	}
	return c
}

// inlineLine returns the line at the start of b, without its end, and consumes it. ok is false where b does not hold all of it.
func (d *RequestDecoder) inlineLine(b []byte) (line []byte, ok bool, err error) {
	end := bytes.IndexByte(b, '\n')
	have := 0
	if d.part != nil {
		have = len(d.part.line)
	}
	if n := have + max(end, 0); end < 0 && have+len(b) > MaxInline || n > MaxInline {
		d.in.pos = len(d.in.p)
		if end >= 0 {
			d.in.pos -= len(b) - end
		}
		return nil, false, errBigInline
	}
	if end < 0 {
		return nil, false, nil
	}
	d.in.pos += end + 1
	line = b[:end]
	if d.part != nil {
		d.part.line = append(d.part.line, line...)
		line = d.part.line
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, true, nil
}
