package resp

// ReplyDecoder decodes the server's direction of one connection, RESP2 and RESP3 alike. The zero value is ready and reads
// from offset 0. It holds about 100 bytes while no reply is split between segments.
//
// Use it in this order: Gap where bytes are missing, Feed, then Next until it returns ErrShort.
type ReplyDecoder struct {
	in   input
	cut  cutReply
	part *replyPart
}

// replyPhase says what the next byte is.
type replyPhase uint8

const (
	repMarker replyPhase = iota // a type byte
	repLine                     // in the line that a type byte begins
	repBody                     // in a string or its CRLF
	repChunk                    // in the line ";<n>" of a streamed string
)

// replyState is where in a reply a decoder stands.
type replyState struct {
	phase  replyPhase
	marker byte
	chunk  bool   // the string being read is one chunk of a streamed string
	cut    bool   // the bytes of the string that follow are not adjacent to those kept
	cr     bool   // the last byte of the unfinished line was CR
	elem   bool   // the value being read is the last of Elems
	begun  bool   // a reply is open
	skip   uint64 // values still to be stepped over below MaxDepth
	at     int64  // stream offset of the type byte
	left   int64  // bytes of a string and its CRLF still to come
	line   int64  // length of the line so far, type byte included
}

// Feed gives the next bytes of the stream, borrowed until Next has returned ErrShort. unseen counts further bytes of the
// stream directly behind p that the capture did not hold (snapshot length). Bytes of an earlier Feed that were not yet
// read are given up as lost.
func (d *ReplyDecoder) Feed(p []byte, unseen int) {
	d.in.feed(p, unseen, d.part != nil)
	if d.in.lost {
		d.part = nil
	}
}

// Gap says that the n bytes before the next Feed were never captured. Where they lie wholly in a string whose length is
// known, or in its CRLF, the reply goes on and is marked Opaque; else it is given up.
func (d *ReplyDecoder) Gap(n int64) {
	if n <= 0 {
		return
	}
	if d.in.drop() {
		d.part = nil
	}
	d.cut = cutReply{}
	d.in.last = n
	d.hole(n)
}

// Skip says that the next n places of the stream hold nothing, as what encloses the records of an encrypted stream: the bytes
// around them are adjacent. Call it when Next has returned ErrShort, or before the first Feed.
func (d *ReplyDecoder) Skip(n int64) { d.in.skip(n, d.part == nil) }

// Resync says that the next byte may stand inside a reply, as in a capture that begins in mid-stream.
func (d *ReplyDecoder) Resync() {
	d.part, d.cut, d.in.taken, d.in.lost, d.in.last = nil, cutReply{}, false, true, 0
}

// SetOffset sets the stream offset of the next byte fed; it may be negative. Call it before the first Feed.
func (d *ReplyDecoder) SetOffset(off int64) { d.in.setOffset(off) }

// Offset returns the stream offset of the next byte to be read.
func (d *ReplyDecoder) Offset() int64 { return d.in.offset() }

// Lost says that the decoder is between a hole or a syntax error and the next boundary.
func (d *ReplyDecoder) Lost() bool { return d.in.lost }

// Partial returns the stream offset at which an incomplete reply began, if one is open.
func (d *ReplyDecoder) Partial() (start int64, ok bool) {
	if d.part == nil {
		return 0, false
	}
	return d.part.rep.Start, true
}

// Open describes the incomplete reply, if one is open.
func (d *ReplyDecoder) Open() (OpenReply, bool) {
	if d.part == nil {
		return OpenReply{}, false
	}
	return d.part.open(), true
}

func (q *replyPart) open() OpenReply {
	o := OpenReply{Start: q.rep.Start, Kind: q.rep.Kind, Received: int64(q.rep.Elements)}
	if q.rep.Kind.Aggregate() {
		o.Declared = q.rep.N
		if q.rep.Kind == Map {
			o.Declared *= 2
		}
		if len(q.rep.stack) > 0 && q.rep.stack[0].left < 0 {
			o.Declared = -1
		}
		o.Boundary = q.phase == repMarker && len(q.rep.stack) == 1 && q.skip == 0
	}
	return o
}

// Abandon closes the open reply where the stream stands: what follows begins a new one. It serves arrays of which the
// server wrote fewer elements than it announced. The next call of Next returns the reply as far as it came, marked
// Abandoned. Abandon reports whether one was open.
func (d *ReplyDecoder) Abandon() bool {
	if d.part == nil {
		return false
	}
	d.part.abandoned = true
	return true
}

// Next fills rep with the next reply or push. It returns nil, ErrShort when all bytes fed are consumed, or a *SyntaxError, after
// which it goes on at the next plausible boundary. Unless it returns nil, rep holds nothing of use.
func (d *ReplyDecoder) Next(rep *Reply) error {
	if d.part == nil {
		if len(d.in.p) == d.in.pos && d.in.unseen == 0 {
			d.in.done()
			return ErrShort
		}
		if d.usual(rep) {
			return nil
		}
	}
	return d.pieces(rep)
}

// pieces fills rep with the next reply in the general way, step by step.
func (d *ReplyDecoder) pieces(rep *Reply) error {
	rep.reset()
	if q := d.part; q != nil && q.abandoned {
		q.rep.Abandoned = true
		return d.finish(rep, &q.rep)
	}
	for {
		err := d.run(rep)
		if err != ErrShort {
			return err
		}
		d.in.done()
		n := d.in.takeUnseen()
		if n == 0 {
			return ErrShort
		}
		if q := d.part; q != nil && q.phase == repBody && n > q.left {
			n = d.in.endsIn(n, q.left)
		}
		if q := d.part; q == nil || q.phase != repBody || n > q.left {
			d.cut.keep(d)
		}
		d.hole(n)
	}
}

func (d *ReplyDecoder) hole(n int64) {
	d.in.base += n
	if q := d.part; q != nil && q.phase == repBody && !q.abandoned && n <= q.left {
		q.left -= n
		q.cut, q.rep.Opaque = true, true
		return
	}
	d.part, d.in.lost = nil, true
}

// run reads until a reply is whole, the segment is used up, or the syntax is broken.
func (d *ReplyDecoder) run(rep *Reply) error {
	var st replyState
	v := rep
	if d.part != nil {
		st, v = d.part.replyState, &d.part.rep
	}
	for {
		b := d.in.rest()
		switch st.phase {
		case repMarker:
			if d.in.lost {
				if !d.in.seekReply(b) {
					return ErrShort
				}
				v.Resynced, d.cut = true, cutReply{}
				b = d.in.rest()
			}
			if len(b) == 0 {
				if st.begun {
					d.spill(rep, &st)
				}
				return ErrShort
			}
			st.at, st.marker = d.in.offset(), b[0]
			if !st.begun {
				st.begun = true
				v.Start, v.LostBefore = st.at, st.at-d.in.framed
			}
			if !knownMarker(b[0]) && b[0] != '.' {
				d.in.pos++
				return d.fault(st.at, "invalid reply type byte "+quoteByte(b[0]))
			}
			st.phase, st.line, st.cr = repLine, 0, false

		case repLine, repChunk:
			if st.phase == repChunk && st.line == 0 && len(b) > 0 {
				if st.at = d.in.offset(); b[0] != ';' {
					d.in.pos++
					return d.fault(st.at, "expected ';', got "+quoteByte(b[0]))
				}
			}
			if n, used := st.quick(b); used > 0 {
				d.in.pos += used
				if whole, err := d.counted(rep, v, &st, n); whole || err != nil {
					return err
				}
				continue
			}
			line, ok, msg := d.takeLine(b, v, &st)
			if msg != "" {
				return d.fault(st.at, msg)
			}
			if !ok {
				d.spill(rep, &st)
				return ErrShort
			}
			if whole, err := d.accept(rep, v, &st, line); whole || err != nil {
				return err
			}

		case repBody:
			if int64(len(b)) < st.left {
				if bad := badEnd(b, st.left); bad {
					return d.badBody(&st, b)
				}
				d.spill(rep, &st)
				return ErrShort
			}
			if badEnd(b, st.left) {
				return d.badBody(&st, b)
			}
			d.in.pos += int(st.left)
			v.setText(&st, b[:max(st.left-2, 0)], d.part != nil)
			if st.chunk {
				st.phase, st.line, st.cr, st.left = repChunk, 0, false, 0
				continue
			}
			if v.closeValue(&st) {
				return d.finish(rep, v)
			}
		}
	}
}

// badEnd reports whether the CRLF behind a string, as far as b contains it, is anything else. left counts from b[0].
func badEnd(b []byte, left int64) bool {
	n := int64(len(b))
	if n == 0 {
		return false
	}
	if left >= 2 && n > left-2 && b[left-2] != '\r' {
		return true
	}
	return left >= 1 && n >= left && b[left-1] != '\n'
}

func (d *ReplyDecoder) badBody(st *replyState, b []byte) error {
	skip := int(max(st.left-2, 0))
	at := d.in.offset() + int64(skip)
	d.in.pos += min(skip+1, len(b))
	return d.fault(at, "string is not followed by CRLF")
}

func (d *ReplyDecoder) fault(at int64, msg string) error {
	d.part, d.in.lost, d.cut = nil, true, cutReply{}
	return &SyntaxError{Offset: at, Msg: msg}
}
