package resp

import "bytes"

// replyPart is a reply that is split between segments.
type replyPart struct {
	replyState
	rep       Reply
	saved     int    // elements of rep whose text is safe in rep.buf
	text      []byte // kept beginning of the unfinished line or string
	abandoned bool
}

// spill makes the reply outlive its segment: kept bytes are copied, and the segment is consumed.
func (d *ReplyDecoder) spill(rep *Reply, st *replyState) {
	b := d.in.rest()
	q := d.part
	if q == nil {
		if q = rep.part; q == nil {
			q = &replyPart{}
		}
		rep.part = nil
		elems, stack, buf, text := q.rep.Elems[:0], q.rep.stack[:0], q.rep.buf[:0], q.text[:0]
		*q = replyPart{rep: *rep, text: text}
		q.rep.Elems = append(elems, rep.Elems...)
		q.rep.stack = append(stack, rep.stack...)
		q.rep.buf = append(buf, rep.buf...)
		if len(rep.Text) > 0 {
			q.rep.Text = q.rep.own(rep.Text)
		}
		d.part = q
	}
	for i := q.saved; i < len(q.rep.Elems); i++ {
		e := &q.rep.Elems[i]
		if len(e.Text) > 0 {
			e.Text = q.rep.own(e.Text)
		}
	}
	q.saved = len(q.rep.Elems)
	switch st.phase {
	case repLine, repChunk:
		if n := len(b); n > 0 && (st.marker == '+' || st.marker == '-') && (st.cr || bytes.IndexByte(b[:n-1], '\r') >= 0) {
			q.rep.OddLine = true
		}
		if st.line == 0 {
			q.text = q.text[:0]
			if len(b) > 0 {
				q.text = append(q.text, b[1:min(len(b), MaxText+1)]...)
			}
		} else {
			q.text = append(q.text, b[:min(len(b), MaxText-len(q.text))]...)
		}
		st.line += int64(len(b))
		if len(b) > 0 {
			st.cr = b[len(b)-1] == '\r'
		}
	case repBody:
		q.rep.addText(st, b[:max(0, min(int64(len(b)), st.left-2))])
		st.left -= int64(len(b))
	}
	q.replyState = *st
	d.in.pos = len(d.in.p)
}

// finish hands the whole reply over. The memory of a split reply becomes the Reply's own.
func (d *ReplyDecoder) finish(rep, v *Reply) error {
	v.End = d.in.offset()
	d.in.framed = v.End
	v.Doubtful = d.in.doubt
	if q := d.part; q != nil {
		d.part = nil
		old := *rep
		*rep = q.rep
		q.rep = Reply{Elems: old.Elems[:0], stack: old.stack[:0], buf: old.buf[:0]}
		rep.part = q
	}
	return nil
}

// Cut returns where the reply began that the snapshot length took the framing of, and that may have ended where the stream
// stands: nothing else was lost since, and the last segment was not full.
func (d *ReplyDecoder) Cut() (start int64, ok bool) {
	c := &d.cut
	return c.start, c.begins && d.in.lost && c.kind != Push && len(d.in.p) == d.in.pos && d.in.unseen == 0 && !d.in.fullSized(d.in.last)
}

// CloseCut fills rep with the reply of which Cut tells, as far as it is known, for a caller who knows by other means that it
// ended where the stream stands. What follows begins a new one.
func (d *ReplyDecoder) CloseCut(rep *Reply) {
	rep.reset()
	rep.Start, rep.End, rep.Kind, rep.Opaque = d.cut.start, d.in.offset(), d.cut.kind, true
	d.in.framed, d.in.lost, d.in.doubt, d.in.taken = rep.End, false, false, false
	d.cut = cutReply{}
}
