package resp

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

// Skip says that the next n places of the stream hold nothing, as what encloses the records of an encrypted stream: the bytes
// around them are adjacent. Call it when Next has returned ErrShort, or before the first Feed.
func (d *RequestDecoder) Skip(n int64) { d.in.skip(n, d.part == nil) }

// Resync says that the next byte may stand inside a request, as in a capture that begins in mid-stream.
func (d *RequestDecoder) Resync() {
	d.part, d.in.taken, d.in.lost, d.in.last = nil, false, true, 0
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

// PartialName returns the name of the incomplete request, if one is open: empty while the name is incomplete. It is
// borrowed until the next call of Feed.
func (d *RequestDecoder) PartialName() (name []byte, ok bool) {
	if d.part == nil {
		return nil, false
	}
	return d.part.req.Name(), true
}

// Next fills req with the next request. It returns nil, ErrShort when all bytes fed are consumed, or a *SyntaxError, after
// which it goes on at the next plausible boundary. Unless it returns nil, req holds nothing of use.
func (d *RequestDecoder) Next(req *Request) error {
	if d.part == nil {
		if len(d.in.p) == d.in.pos && d.in.unseen == 0 {
			d.in.done()
			return ErrShort
		}
		if d.usual(req) {
			return nil
		}
	}
	return d.pieces(req)
}

// pieces fills req with the next request in the general way, step by step.
func (d *RequestDecoder) pieces(req *Request) error {
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
		if q := d.part; q != nil && q.phase == reqBody && n > q.left {
			n = d.in.endsIn(n, q.left)
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
			if d.in.lost {
				if !d.in.seekRequest(b) {
					return ErrShort
				}
				v.Resynced = true
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
