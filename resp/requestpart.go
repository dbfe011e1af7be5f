package resp

// requestPart is a request that is split between segments.
type requestPart struct {
	requestState
	req   Request
	saved int    // arguments of req whose bytes are safe in req.buf
	cur   int    // where in req.buf the current argument begins
	line  []byte // beginning of an unfinished line
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

// keep appends bytes of the current argument to what is stored of it.
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
	if name := req.Name(); EqualFold(name, "POST") || EqualFold(name, "HOST:") {
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
