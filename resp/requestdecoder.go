package resp

import "bytes"

// RequestDecoder decodes the client's direction of one connection. The zero value is ready and reads from offset 0. It
// holds about 100 bytes while no request is split between segments.
//
// Use it in this order: Gap where bytes are missing, Feed, then Next until it returns ErrShort.
type RequestDecoder struct {
	in    input
	part  *requestPart
	empty int64
}

// requestPhase says what the next byte is.
type requestPhase uint8

const (
	reqStart  requestPhase = iota // the first byte of a request
	reqCount                      // in the line "*<n>"
	reqLength                     // in the line "$<n>"
	reqBody                       // in an argument or its CRLF
	reqInline                     // in an inline line
)

// requestState is where in a request a decoder stands.
type requestState struct {
	phase requestPhase
	cut   bool  // the bytes of the current argument that follow are not adjacent to those kept
	index int   // of the current argument
	size  int   // its declared length
	left  int64 // bytes of it and its CRLF still to come
}

// requestPart is a request that is split between segments.
type requestPart struct {
	requestState
	req   Request
	saved int    // arguments of req whose bytes are safe in req.buf
	cur   int    // where in req.buf the current argument begins
	line  []byte // beginning of an unfinished line
}

// Feed gives the next bytes of the stream, borrowed until Next has returned ErrShort. unseen counts further bytes of the
// stream directly behind p that the capture did not hold (snapshot length). Bytes of an earlier Feed that were not yet
// read are given up as lost.
func (d *RequestDecoder) Feed(p []byte, unseen int) {
	d.in.feed(p, unseen, d.part != nil)
	if d.in.lost {
		d.part = nil
	}
}

// Gap says that the n bytes before the next Feed were never captured. Where they lie wholly in an argument whose length
// is known, or in its CRLF, the request goes on and is marked Opaque; else it is given up.
func (d *RequestDecoder) Gap(n int64) {
	if n <= 0 {
		return
	}
	if d.in.drop() {
		d.part = nil
	}
	d.in.last = n
	d.hole(n)
}

// Resync says that the next byte may stand inside a request, as in a capture that begins in mid-stream.
func (d *RequestDecoder) Resync() {
	d.part, d.in.lost, d.in.last = nil, true, 0
}

// SetOffset sets the stream offset of the next byte fed; it may be negative. Call it before the first Feed.
func (d *RequestDecoder) SetOffset(off int64) { d.in.setOffset(off) }

// Offset returns the stream offset of the next byte to be read.
func (d *RequestDecoder) Offset() int64 { return d.in.offset() }

// Empty counts the requests without arguments seen: blank lines, and arrays of no or negative length. A server ignores them.
func (d *RequestDecoder) Empty() int64 { return d.empty }

// Lost says that the decoder is between a hole or a syntax error and the next boundary.
func (d *RequestDecoder) Lost() bool { return d.in.lost }

// Partial returns the stream offset at which an incomplete request began, if one is open.
func (d *RequestDecoder) Partial() (start int64, ok bool) {
	if d.part == nil {
		return 0, false
	}
	return d.part.req.Start, true
}

// Next fills req with the next request. It returns nil, ErrShort when all bytes fed are consumed, or a *SyntaxError,
// after which it goes on at the next plausible boundary.
func (d *RequestDecoder) Next(req *Request) error {
	req.reset()
	for {
		err := d.run(req)
		if err != ErrShort {
			return err
		}
		d.in.done()
		n := d.in.takeUnseen()
		if n == 0 {
			return ErrShort
		}
		d.hole(n)
	}
}

func (d *RequestDecoder) hole(n int64) {
	d.in.base += n
	if q := d.part; q != nil && q.phase == reqBody && n <= q.left {
		q.left -= n
		q.cut, q.req.Opaque = true, true
		return
	}
	d.part, d.in.lost = nil, true
}

// run reads until a request is whole, the segment is used up, or the syntax is broken.
func (d *RequestDecoder) run(req *Request) error {
	var st requestState
	v := req
	if d.part != nil {
		st, v = d.part.requestState, &d.part.req
	}
	for {
		b := d.in.rest()
		switch st.phase {
		case reqStart:
			if d.in.lost && !d.seek(b, v) {
				return ErrShort
			}
			if b = d.in.rest(); len(b) == 0 {
				return ErrShort
			}
			v.Start = d.in.offset()
			v.LostBefore = v.Start - d.in.framed
			st.phase = reqInline
			if b[0] == '*' {
				st.phase = reqCount
			}

		case reqCount, reqLength:
			at := d.in.offset()
			if d.part != nil {
				at -= int64(len(d.part.line))
			}
			n, err := d.number(b, &st)
			if err != nil {
				if err == ErrShort {
					d.spill(req, &st, true)
					return err
				}
				return d.fault(at, err.Error())
			}
			if st.phase == reqCount {
				if n <= 0 {
					d.skipEmpty(v)
					st = requestState{}
					v = req
					continue
				}
				v.NArgs = int(n)
				st.phase = reqLength
				continue
			}
			st.size, st.left, st.phase = int(n), n+2, reqBody
			if q := d.part; q != nil {
				q.cur = len(v.buf)
			}

		case reqBody:
			if int64(len(b)) < st.left {
				d.spill(req, &st, false)
				return ErrShort
			}
			d.in.pos += int(st.left)
			v.add(d.argument(b, &st), st.index, v.NArgs)
			st.phase, st.cut = reqLength, false
			if st.index++; st.index == v.NArgs {
				return d.finish(req, v)
			}

		case reqInline:
			line, ok, err := d.inlineLine(b)
			if err != nil {
				return d.fault(v.Start, err.Error())
			}
			if !ok {
				d.spill(req, &st, true)
				return ErrShort
			}
			if v.Inline = true; !splitInline(line, v) {
				return d.fault(v.Start, "Protocol error: unbalanced quotes in request")
			}
			if v.NArgs == 0 {
				d.skipEmpty(v)
				st = requestState{}
				v = req
				continue
			}
			return d.finish(req, v)
		}
	}
}

// argument returns the current argument, whose last byte lies in b.
func (d *RequestDecoder) argument(b []byte, st *requestState) Arg {
	a := Arg{Len: st.size}
	body := b[:max(st.left-2, 0)]
	q := d.part
	if q == nil || !st.cut && int64(len(body)) == int64(st.size) {
		a.Bytes = body
		return a
	}
	if st.index >= MaxArgs && st.index != q.req.NArgs-1 {
		return a
	}
	q.keep(body, st)
	a.Bytes = q.req.buf[q.cur:len(q.req.buf):len(q.req.buf)]
	if q.saved == len(q.req.Args) {
		q.saved++
	}
	return a
}

// keep appends bytes of the current argument to what is kept of it.
func (q *requestPart) keep(body []byte, st *requestState) {
	if st.cut || st.index >= MaxArgs && st.index != q.req.NArgs-1 {
		return
	}
	room := MaxArg - (len(q.req.buf) - q.cur)
	q.req.buf = append(q.req.buf, body[:min(room, len(body))]...)
}

// spill makes the request outlive its segment: kept bytes are copied, and the segment is consumed.
func (d *RequestDecoder) spill(req *Request, st *requestState, line bool) {
	b := d.in.rest()
	q := d.part
	if q == nil {
		if q = req.part; q == nil {
			q = &requestPart{}
		}
		req.part = nil
		args, buf, text := q.req.Args[:0], q.req.buf[:0], q.line[:0]
		*q = requestPart{req: *req, line: text}
		q.req.Args = append(args, req.Args...)
		q.req.buf = buf
		d.part = q
	}
	for i := q.saved; i < len(q.req.Args); i++ {
		a := &q.req.Args[i]
		at := len(q.req.buf)
		q.req.buf = append(q.req.buf, a.Bytes[:min(len(a.Bytes), MaxArg)]...)
		a.Bytes = q.req.buf[at:len(q.req.buf):len(q.req.buf)]
	}
	q.saved = len(q.req.Args)
	q.requestState = *st
	switch {
	case line:
		q.line = append(q.line, b...)
	case st.phase == reqBody:
		if st.left == int64(st.size)+2 {
			q.cur = len(q.req.buf)
		}
		q.keep(b[:max(0, min(int64(len(b)), st.left-2))], st)
		q.left -= int64(len(b))
	}
	d.in.pos = len(d.in.p)
}

// finish hands the whole request over. The memory of a split request becomes the Request's own.
func (d *RequestDecoder) finish(req, v *Request) error {
	v.End = d.in.offset()
	d.in.framed = v.End
	v.Doubtful = d.in.doubt
	if q := d.part; q != nil {
		d.part = nil
		old := *req
		*req = q.req
		if cap(q.line) > maxSpare {
			q.line = nil
		}
		q.req = Request{Args: old.Args[:0], buf: old.buf[:0]}
		req.part = q
	}
	if name := req.Name(); equalFold(name, "POST") || equalFold(name, "HOST:") {
		d.in.lost = true
		return &SyntaxError{Offset: req.Start, Msg: "possible cross protocol attack: " + string(name), Fault: CrossProtocol}
	}
	return nil
}

// maxSpare is the largest line buffer kept for the next split request.
const maxSpare = 4 << 10

func (d *RequestDecoder) skipEmpty(v *Request) {
	d.empty++
	d.in.framed = d.in.offset()
	d.part = nil
	v.reset()
}

func (d *RequestDecoder) fault(at int64, msg string) error {
	d.part, d.in.lost = nil, true
	return &SyntaxError{Offset: at, Msg: msg}
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
	if len(begun) > 0 {
		line = append(begun, b[:min(len(b), maxHeader)]...)
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
