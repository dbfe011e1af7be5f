package resp

import "strconv"

// accept takes a whole line for what its type byte says. whole is true when the reply is complete and handed over.
func (d *ReplyDecoder) accept(rep, v *Reply, st *replyState, line []byte) (whole bool, err error) {
	if st.phase == repChunk {
		n, ok := ParseInt(line)
		if !ok || n < 0 || n > MaxBulk {
			return false, d.fault(st.at, "invalid chunk length")
		}
		return d.chunk(rep, v, st, n)
	}
	switch st.marker {
	case '+', '-':
		d.begin(v, st, kindOf(st.marker), 0)
		d.setText(v, st, line)
	case ':':
		n, ok := ParseInt(line)
		if !ok {
			if n, ok = parsePlus(line); !ok {
				return false, d.fault(st.at, "invalid integer")
			}
		}
		d.begin(v, st, Integer, n)
		d.setText(v, st, line)
	case '_':
		if len(line) != 0 {
			return false, d.fault(st.at, "invalid null")
		}
		d.begin(v, st, Null, -1)
	case '#':
		if len(line) != 1 || line[0] != 't' && line[0] != 'f' {
			return false, d.fault(st.at, "invalid boolean")
		}
		var n int64
		if line[0] == 't' {
			n = 1
		}
		d.begin(v, st, Boolean, n)
	case ',':
		if !isDouble(line) {
			return false, d.fault(st.at, "invalid double")
		}
		d.begin(v, st, Double, 0)
		d.setText(v, st, line)
	case '(':
		if !isBignum(line) {
			return false, d.fault(st.at, "invalid big number")
		}
		d.begin(v, st, Bignum, 0)
		d.setText(v, st, line)
	case '.':
		return d.endStream(rep, v, st, line)
	default:
		return d.lengthLine(rep, v, st, line)
	}
	if d.closeValue(v, st) {
		return true, d.finish(rep, v)
	}
	return false, nil
}

// lengthLine takes the line of a type that announces a length or count.
func (d *ReplyDecoder) lengthLine(rep, v *Reply, st *replyState, line []byte) (whole bool, err error) {
	if len(line) == 1 && line[0] == '?' {
		return false, d.beginStream(v, st)
	}
	n, ok := ParseInt(line)
	what := "invalid multibulk length"
	if st.marker == '$' || st.marker == '=' || st.marker == '!' {
		what = "invalid bulk length"
	}
	if !ok || n < -1 || n == -1 && st.marker != '$' && st.marker != '*' {
		return false, d.fault(st.at, what)
	}
	if n == -1 {
		d.begin(v, st, Null, -1)
		if d.closeValue(v, st) {
			return true, d.finish(rep, v)
		}
		return false, nil
	}
	return d.counted(rep, v, st, n)
}

// counted takes a length or count that is not negative.
func (d *ReplyDecoder) counted(rep, v *Reply, st *replyState, n int64) (whole bool, err error) {
	switch st.marker {
	case '$', '=', '!':
		if n > MaxBulk {
			return false, d.fault(st.at, "invalid bulk length")
		}
		d.begin(v, st, kindOf(st.marker), n)
		st.phase, st.left, st.cut, st.chunk = repBody, n+2, false, false
		return false, nil
	}
	if n > MaxCount {
		return false, d.fault(st.at, "invalid multibulk length")
	}
	values := n
	if st.marker == '%' || st.marker == '|' {
		values = 2 * n
	}
	f := frame{left: values}
	switch {
	case st.marker == '|':
		f.kind = frameAttr
		v.Attr = v.Attr || len(v.stack) == 0
		st.elem = false
	case st.marker == '>' && len(v.stack) > 0:
		f.kind = framePush
		if !v.PushInside {
			v.PushInside, v.PushAt = true, st.at
		}
		st.elem = false
	default:
		d.begin(v, st, kindOf(st.marker), n)
	}
	st.phase = repMarker
	if st.skip > 0 || len(v.stack) >= MaxDepth {
		return d.stepOver(rep, v, st, f)
	}
	v.stack = append(v.stack, f)
	if values == 0 && d.closeFrames(v) {
		return true, d.finish(rep, v)
	}
	return false, nil
}

// stepOver takes an aggregate below MaxDepth: only the number of values still to come is kept.
func (d *ReplyDecoder) stepOver(rep, v *Reply, st *replyState, f frame) (whole bool, err error) {
	v.TooDeep = true
	first := st.skip == 0
	st.skip += uint64(f.left)
	if st.skip > 1<<62 {
		return false, d.fault(st.at, "too many nested values")
	}
	if f.kind != frameValue {
		if first {
			st.skip++
		}
		return false, nil
	}
	if first {
		st.skip++
	}
	if d.closeValue(v, st) {
		return true, d.finish(rep, v)
	}
	return false, nil
}

// begin notes the value whose first line has been read, if it is the reply itself or one of its elements.
func (d *ReplyDecoder) begin(v *Reply, st *replyState, k Kind, n int64) {
	st.elem = false
	switch {
	case len(v.stack) == 0:
		v.Kind, v.Marker, v.N = k, st.marker, n
	case len(v.stack) == 1 && v.stack[0].kind == frameValue && len(v.Elems) < MaxElems:
		v.Elems = append(v.Elems, Elem{Start: st.at, Kind: k, Marker: st.marker, N: n})
		st.elem = true
	}
}

// text returns where the text of the value being read is kept and how much of it.
func (v *Reply) text(st *replyState) (to *[]byte, limit int) {
	switch {
	case len(v.stack) == 0:
		return &v.Text, MaxText
	case st.elem:
		e := &v.Elems[len(v.Elems)-1]
		if e.Kind == Error {
			return &e.Text, MaxText
		}
		return &e.Text, MaxElemText
	}
	return nil, 0
}

// setText gives the value being read its text, of which b is all, or the last part.
func (d *ReplyDecoder) setText(v *Reply, st *replyState, b []byte) {
	to, limit := v.text(st)
	if to == nil {
		return
	}
	if d.part == nil && !st.chunk {
		*to = b[:min(len(b), limit):min(len(b), limit)]
		return
	}
	v.addText(st, b)
}

// addText appends to the text of the value being read.
func (v *Reply) addText(st *replyState, b []byte) {
	to, limit := v.text(st)
	if to == nil || st.cut || len(b) == 0 {
		return
	}
	b = b[:min(len(b), limit-len(*to))]
	if len(*to) == 0 {
		*to = v.own(b)
		return
	}
	// The text is the last thing in buf, so that it grows in place.
	at := len(v.buf) - len(*to)
	v.buf = append(v.buf, b...)
	*to = v.buf[at:len(v.buf):len(v.buf)]
}

// own copies b to memory that belongs to v.
func (v *Reply) own(b []byte) []byte {
	at := len(v.buf)
	v.buf = append(v.buf, b...)
	return v.buf[at:len(v.buf):len(v.buf)]
}

// closeValue notes that a value is whole and says whether the reply is.
func (d *ReplyDecoder) closeValue(v *Reply, st *replyState) bool {
	st.phase, st.elem, st.chunk, st.cut, st.left = repMarker, false, false, false, 0
	if st.skip > 0 {
		if st.skip--; st.skip > 0 {
			return false
		}
	}
	if len(v.stack) == 0 {
		return true
	}
	return d.count(v)
}

// count counts a whole value in the innermost open aggregate and says whether the reply is whole now.
func (d *ReplyDecoder) count(v *Reply) bool {
	top := &v.stack[len(v.stack)-1]
	if len(v.stack) == 1 && top.kind == frameValue {
		v.Elements++
	}
	if top.left < 0 {
		return false
	}
	if top.left--; top.left > 0 {
		return false
	}
	return d.closeFrames(v)
}

// closeFrames closes the innermost aggregate and all that end with it, and says whether the reply is whole now.
func (d *ReplyDecoder) closeFrames(v *Reply) bool {
	for {
		last := len(v.stack) - 1
		kind := v.stack[last].kind
		v.stack = v.stack[:last]
		if kind != frameValue {
			return false
		}
		if last == 0 {
			return true
		}
		top := &v.stack[last-1]
		if last == 1 && top.kind == frameValue {
			v.Elements++
		}
		if top.left < 0 {
			return false
		}
		if top.left--; top.left > 0 {
			return false
		}
	}
}

func quoteByte(c byte) string { return strconv.QuoteToASCII(string([]byte{c})) }
