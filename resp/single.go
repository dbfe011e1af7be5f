package resp

// Single is Feed and Next for the usual segment: it takes p if it is exactly one request and the stream is known to stand
// at a boundary. Else it returns false and has done nothing.
func (d *RequestDecoder) Single(p []byte, req *Request) bool {
	if len(p) == 0 || d.part != nil || !d.in.settled() || readRequest(p, 0, req) != uint(len(p)) {
		return false
	}
	req.Start, req.LostBefore, req.Doubtful = d.in.offset(), 0, false
	d.in.take(p)
	req.End = d.in.base
	return true
}

// Single is Feed and Next for the usual segment: it takes p if it is exactly one reply and the stream is known to stand
// at a boundary. Else it returns false and has done nothing. It takes simple strings, integers, bulk strings and nulls
// only.
func (d *ReplyDecoder) Single(p []byte, rep *Reply) bool {
	if len(p) == 0 || d.part != nil || !d.in.settled() || readReply(p, 0, rep) != uint(len(p)) {
		return false
	}
	rep.Start, rep.LostBefore, rep.Doubtful = d.in.offset(), 0, false
	d.in.take(p)
	rep.End = d.in.base
	return true
}

// settled reports whether all that was fed has been read, up to a boundary beyond doubt.
func (in *input) settled() bool {
	return in.pos == len(in.p) && in.unseen == 0 && !in.lost && !in.doubt && in.framed == in.offset()
}

// take is what feed does for a segment that is read whole, from a settled state to a settled state.
func (in *input) take(p []byte) {
	n := int64(len(p))
	in.base += int64(in.pos) + n
	in.p, in.pos, in.framed = nil, 0, in.base
	if n > int64(in.longest) {
		in.longest = int32(min(n, 1<<30))
	}
	in.full = in.fullSized(in.last)
	in.last = n
}
