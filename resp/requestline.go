package resp

import (
	"bytes"
	"encoding/binary"
)

// minBulk is the length of the shortest bulk string, "$0" and two CRLF.
const minBulk = 6

// whole takes a request of at most MaxArgs arguments that lies whole in the segment: nearly all of them. Where it
// returns false nothing has been consumed.
func (d *RequestDecoder) whole(req *Request) bool {
	b := d.in.p[d.in.pos:]
	if len(b) < 4 || b[0] != '*' {
		return false
	}
	n, i := header(b[1:])
	if n < 1 || n > MaxArgs {
		return false
	}
	if cap(req.Args) < MaxArgs {
		req.Args = make([]Arg, 0, MaxArgs)
	}
	args := req.Args[:n]
	i++
	for k := range args {
		if len(b)-i < minBulk || b[i] != '$' {
			return false
		}
		size, used := short(binary.LittleEndian.Uint32(b[i+1:]))
		if used == 0 {
			if size, used = header(b[i+1:]); used == 0 {
				return false
			}
		}
		i += 1 + used
		if int64(len(b)-i) < size+2 {
			return false
		}
		end := i + int(size)
		a := &args[k]
		a.Bytes, a.Len = b[i:end:end], int(size)
		i = end + 2
	}
	if c := args[0].Len; c == 4 && equalFold(args[0].Bytes, "POST") || c == 5 && equalFold(args[0].Bytes, "HOST:") {
		return false
	}
	req.Start = d.in.offset()
	req.End = req.Start + int64(i)
	req.Args, req.Last, req.NArgs = args, args[len(args)-1], len(args)
	req.Inline, req.Opaque, req.Resynced, req.Doubtful = false, false, false, d.in.doubt
	req.LostBefore = req.Start - d.in.framed
	d.in.pos += i
	d.in.framed = req.End
	return true
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
	n, ok := parseInt(line[1:end])
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
