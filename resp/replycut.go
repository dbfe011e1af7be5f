package resp

// cutReply is a reply that the snapshot length took the framing of: it began at a known boundary.
type cutReply struct {
	start  int64
	kind   Kind
	begins bool // there is one, and nothing else was lost since
}

// keep remembers where the open reply, or the next one, begins, as its framing is lost.
func (c *cutReply) keep(d *ReplyDecoder) {
	if c.begins || d.in.lost {
		return
	}
	*c = cutReply{start: d.in.offset(), begins: true}
	q := d.part
	if q == nil {
		return
	}
	c.start, c.kind = q.rep.Start, q.rep.Kind
	if q.rep.Kind != NoKind || q.phase != repLine {
		return
	}
	switch marker := q.marker; {
	case marker != '$' && marker != '*':
		c.kind = kindOf(marker)
	case len(q.text) > 0 && q.text[0] == '-':
		c.kind = Null
	case len(q.text) > 0:
		c.kind = kindOf(marker)
	}
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
