package resp

// Single is Feed and Next for the usual segment: it takes p if it is exactly one request and the stream is known to stand
// at a boundary. Else it returns false and has done nothing.
func (d *RequestDecoder) Single(p []byte, req *Request) bool {
	if d.part != nil || !d.in.settled() {
		return false
	}
	before := d.in
	if d.in.feed(p, 0, false); d.usual(req) && d.in.pos == len(p) {
		d.in.done()
		return true
	}
	d.in = before
	return false
}

// Single is Feed and Next for the usual segment: it takes p if it is exactly one reply and the stream is known to stand
// at a boundary. Else it returns false and has done nothing.
func (d *ReplyDecoder) Single(p []byte, rep *Reply) bool {
	if d.part != nil || !d.in.settled() {
		return false
	}
	before := d.in
	if d.in.feed(p, 0, false); d.usual(rep) && d.in.pos == len(p) {
		d.in.done()
		return true
	}
	d.in = before
	return false
}

// settled reports whether all that was fed has been read, up to a boundary beyond doubt.
func (in *input) settled() bool {
	return in.pos == len(in.p) && in.unseen == 0 && !in.lost && !in.doubt && in.framed == in.offset()
}
