package resp

// A Reply keeps the values that it is in the middle of on its stack, outermost first. The methods here open, fill and
// close them; what a line means is for the decoder.

// begin notes the value whose first line has been read, if it is the reply itself or one of its elements.
func (v *Reply) begin(st *replyState, k Kind, n int64) {
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

// setText gives the value being read its text, of which b is all, or the last part. split says that the reply did not
// begin in this segment.
func (v *Reply) setText(st *replyState, b []byte, split bool) {
	to, limit := v.text(st)
	if to == nil {
		return
	}
	if !split && !st.chunk {
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
func (v *Reply) closeValue(st *replyState) bool {
	st.phase, st.elem, st.chunk, st.cut, st.left = repMarker, false, false, false, 0
	if st.skip > 0 {
		if st.skip--; st.skip > 0 {
			return false
		}
	}
	if len(v.stack) == 0 {
		return true
	}
	return v.count()
}

// count counts a whole value in the innermost open aggregate and says whether the reply is whole now.
func (v *Reply) count() bool {
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
	return v.closeFrames()
}

// closeFrames closes the innermost aggregate and all that end with it, and says whether the reply is whole now.
func (v *Reply) closeFrames() bool {
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
