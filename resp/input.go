package resp

// input is the window on the stream that a decoder reads: one borrowed segment, and where it stands in the stream.
type input struct {
	p       []byte
	pos     int   // of the next byte in p
	base    int64 // stream offset of p[0]
	framed  int64 // stream offset behind the last value: what lies between here and the next one is lost
	last    int64 // length of the last segment, or of the hole behind it
	unseen  int   // bytes directly behind p that the capture does not hold
	longest int32 // longest segment fed, capped
	lost    bool  // looking for a boundary
	doubt   bool  // a boundary was found by looking, and nothing has confirmed it since
	full    bool  // the bytes directly before p were lost or skipped, and were as long as full segments are
	taken   bool  // the last call was take: nothing is unread, lost or in doubt
}

func (in *input) offset() int64 { return in.base + int64(in.pos) }

func (in *input) setOffset(off int64) {
	in.taken = false
	in.base = off - int64(in.pos)
	in.framed = off
}

// feed takes the next segment. A boundary that was found by looking is sure once a segment begins at one and the
// segment before it was not full, so that a write ended there.
func (in *input) feed(p []byte, unseen int, open bool) {
	in.taken = false
	if len(in.p) > 0 || in.unseen > 0 {
		in.drop()
	}
	in.p, in.pos, in.unseen = p, 0, max(unseen, 0)
	n := int64(len(p) + in.unseen)
	if n > int64(in.longest) {
		in.longest = int32(min(n, 1<<30))
	}
	in.full = in.fullSized(in.last)
	in.last = n
	if !open && !in.lost && !in.full {
		in.doubt = false
	}
}

// skip passes n places of the stream that hold nothing. between says that no value is open there.
func (in *input) skip(n int64, between bool) {
	in.base += n
	if between {
		in.framed += n
	}
}

// settled reports whether all that was fed has been read, up to a boundary beyond doubt. Where taken is true it is.
func (in *input) settled() bool {
	return in.pos == len(in.p) && in.unseen == 0 && !in.lost && !in.doubt && in.framed == in.offset()
}

// take is what feed does for a segment of n bytes that is read whole, from a settled state to a settled state. It is inlined,
// which saves 16 instructions a command.
func (in *input) take(n int64) {
	if !in.taken || n > int64(in.longest) || in.longest >= minFull {
		in.measure(n)
	}
	in.base += n
	in.framed, in.last = in.base, n
}

// measure is what take does that is not needed for one short segment after another.
func (in *input) measure(n int64) {
	in.base += int64(in.pos)
	in.p, in.pos, in.taken = nil, 0, true
	in.longest = int32(min(max(n, int64(in.longest)), 1<<30))
	in.full = in.fullSized(in.last)
}

// rest returns the unread bytes of the segment.
func (in *input) rest() []byte { return in.p[in.pos:] }

// drop gives up the segment and says whether bytes of it were unread.
func (in *input) drop() (unread bool) {
	in.taken = false
	unread = in.pos < len(in.p) || in.unseen > 0
	in.base += int64(len(in.p)) + int64(in.unseen)
	in.p, in.pos, in.unseen = nil, 0, 0
	if unread {
		in.lost = true
	}
	return unread
}

// done gives up the consumed segment, keeping what was not captured of it for takeUnseen.
func (in *input) done() {
	in.base += int64(len(in.p))
	in.p, in.pos = nil, 0
}

// takeUnseen returns the number of uncaptured bytes behind the consumed segment, once.
func (in *input) takeUnseen() int64 {
	n := in.unseen
	in.unseen = 0
	return int64(n)
}

// endsIn splits n uncaptured bytes behind the place where a string ends, left bytes ahead: the value there is whole, and
// only what follows it is unknown.
func (in *input) endsIn(n, left int64) int64 {
	in.unseen = int(n - left)
	return left
}

// minFull is the shortest segment length that can be a maximum segment size: the IPv4 default of RFC 9293.
const minFull = 536

// fullSized says whether n bytes are one or several segments of the longest length seen, as in the middle of a long
// transfer.
func (in *input) fullSized(n int64) bool {
	return in.longest >= minFull && n > 0 && n%int64(in.longest) == 0
}

// found ends the search for a boundary: the next byte is taken for one.
func (in *input) found() { in.lost, in.doubt = false, true }
