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
