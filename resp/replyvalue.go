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
		v.begin(st, kindOf(st.marker), 0)
		v.setText(st, line, d.part != nil)
	case ':':
		n, ok := ParseInt(line)
		if !ok {
			if n, ok = parsePlus(line); !ok {
				return false, d.fault(st.at, "invalid integer")
			}
		}
		v.begin(st, Integer, n)
		v.setText(st, line, d.part != nil)
	case '_':
		if len(line) != 0 {
			return false, d.fault(st.at, "invalid null")
		}
		v.begin(st, Null, -1)
	case '#':
		if len(line) != 1 || line[0] != 't' && line[0] != 'f' {
			return false, d.fault(st.at, "invalid boolean")
		}
		var n int64
		if line[0] == 't' {
			n = 1
		}
		v.begin(st, Boolean, n)
	case ',':
		if !isDouble(line) {
			return false, d.fault(st.at, "invalid double")
		}
		v.begin(st, Double, 0)
		v.setText(st, line, d.part != nil)
	case '(':
		if !isBignum(line) {
			return false, d.fault(st.at, "invalid big number")
		}
		v.begin(st, Bignum, 0)
		v.setText(st, line, d.part != nil)
	case '.':
		return d.endStream(rep, v, st, line)
	default:
		return d.lengthLine(rep, v, st, line)
	}
	if v.closeValue(st) {
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
		v.begin(st, Null, -1)
		if v.closeValue(st) {
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
		v.begin(st, kindOf(st.marker), n)
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
		v.begin(st, kindOf(st.marker), n)
	}
	st.phase = repMarker
	if st.skip > 0 || len(v.stack) >= MaxDepth {
		return d.stepOver(rep, v, st, f)
	}
	v.stack = append(v.stack, f)
	if values == 0 && v.closeFrames() {
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
	if v.closeValue(st) {
		return true, d.finish(rep, v)
	}
	return false, nil
}

// beginStream takes "$?", "*?", "~?", "%?" or ">?".
func (d *ReplyDecoder) beginStream(v *Reply, st *replyState) error {
	if st.marker == '=' || st.marker == '!' || st.marker == '|' {
		return d.fault(st.at, "invalid length")
	}
	v.Streamed = true
	if st.marker == '$' {
		v.begin(st, Bulk, 0)
		st.chunk, st.cut = true, false
		st.phase, st.line, st.cr = repChunk, 0, false
		return nil
	}
	if st.skip > 0 || len(v.stack) >= MaxDepth {
		return d.fault(st.at, "streamed aggregate nested too deeply")
	}
	f := frame{left: -1}
	if st.marker == '>' && len(v.stack) > 0 {
		f.kind = framePush
		if !v.PushInside {
			v.PushInside, v.PushAt = true, st.at
		}
	} else {
		v.begin(st, kindOf(st.marker), 0)
	}
	v.stack = append(v.stack, f)
	st.phase, st.elem = repMarker, false
	return nil
}

// chunk takes the length of the next chunk of a streamed string; 0 ends it.
func (d *ReplyDecoder) chunk(rep, v *Reply, st *replyState, n int64) (whole bool, err error) {
	if n == 0 {
		if v.closeValue(st) {
			return true, d.finish(rep, v)
		}
		return false, nil
	}
	switch {
	case len(v.stack) == 0:
		v.N += n
	case st.elem:
		v.Elems[len(v.Elems)-1].N += n
	}
	st.phase, st.left = repBody, n+2
	return false, nil
}

// endStream takes the "." that ends a streamed aggregate.
func (d *ReplyDecoder) endStream(rep, v *Reply, st *replyState, line []byte) (whole bool, err error) {
	last := len(v.stack) - 1
	if len(line) != 0 || last < 0 || v.stack[last].left >= 0 || st.skip > 0 {
		return false, d.fault(st.at, "unexpected end of a streamed aggregate")
	}
	if last == 0 {
		if v.N = int64(v.Elements); v.Kind == Map {
			v.N /= 2
		}
	}
	st.phase, st.elem = repMarker, false
	if v.closeFrames() {
		return true, d.finish(rep, v)
	}
	return false, nil
}

func quoteByte(c byte) string { return strconv.QuoteToASCII(string([]byte{c})) }
