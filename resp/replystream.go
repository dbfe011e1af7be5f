package resp

// beginStream takes "$?", "*?", "~?", "%?" or ">?".
func (d *ReplyDecoder) beginStream(v *Reply, st *replyState) error {
	if st.marker == '=' || st.marker == '!' || st.marker == '|' {
		return d.fault(st.at, "invalid length")
	}
	v.Streamed = true
	if st.marker == '$' {
		d.begin(v, st, Bulk, 0)
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
		d.begin(v, st, kindOf(st.marker), 0)
	}
	v.stack = append(v.stack, f)
	st.phase, st.elem = repMarker, false
	return nil
}

// chunk takes the length of the next chunk of a streamed string; 0 ends it.
func (d *ReplyDecoder) chunk(rep, v *Reply, st *replyState, n int64) (whole bool, err error) {
	if n == 0 {
		if d.closeValue(v, st) {
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
	if d.closeFrames(v) {
		return true, d.finish(rep, v)
	}
	return false, nil
}
