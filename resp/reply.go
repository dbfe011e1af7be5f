package resp

// Bounds of what is kept of one reply.
const (
	// MaxElems is the number of leading elements kept in Reply.Elems.
	MaxElems = 64
	// MaxText is the number of bytes kept of a reply's text, and of the text of an error element.
	MaxText = 256
	// MaxElemText is the number of bytes kept of the text of any other element.
	MaxElemText = 64
	// MaxDepth is the deepest nesting that is followed; below it values are counted and stepped over.
	MaxDepth = 1024
	// MaxLine is the longest line of an error or number.
	MaxLine = 64 << 10
	// MaxStatus is the longest simple string. A line of MONITOR repeats a whole command, values included, so it is
	// longer than MaxLine; nothing beyond MaxText bytes of it is kept.
	MaxStatus = 64 << 20
)

// Reply is one value that a server sent: the reply to a command, or a push. Reuse one Reply for any number of calls and
// decoders: it owns the memory that split replies need, so that a steady state allocates nothing.
type Reply struct {
	Start, End int64 // stream offsets: the reply, attributes included, is [Start, End)
	Kind       Kind
	Marker     byte // the type byte as sent: it separates the null bulk string '$' from the null array '*'
	// N is the value of an integer, 1 or 0 for a boolean, the declared length in bytes of a bulk, verbatim or bulk
	// error string, the declared count of an aggregate (pairs for a map), -1 for null, and 0 else. For streamed types
	// it is what came in the end.
	N int64
	// Text is the beginning, at most MaxText bytes, of a simple string, error, number, bulk or verbatim string (with
	// its "txt:"). It is borrowed until the next call of Next.
	Text     []byte
	Elems    []Elem // the first MaxElems elements of an aggregate; of a map key, value, key, value
	Elements int    // number of elements received, twice N for a whole map; pushes and attributes inside do not count

	Attr       bool  // attributes preceded the reply; they belong to it
	Opaque     bool  // bytes of a string were not captured; the framing is exact nevertheless
	Streamed   bool  // a string or aggregate without a declared length was in it
	TooDeep    bool  // nested deeper than MaxDepth
	OddLine    bool  // a simple string or error holds a bare CR or LF
	Abandoned  bool  // given up by Abandon before it was whole
	Resynced   bool  // the first reply at a boundary that was found after lost or invalid bytes: it may be wrong
	PushInside bool  // a push stood inside this aggregate (redis/redis#12326)
	PushAt     int64 // stream offset of the first such push
	// Doubtful says that this reply or one before it was Resynced, and that nothing has confirmed the boundary since.
	Doubtful bool
	// LostBefore counts the bytes directly before Start that belong to no reply: never captured, given up with a
	// broken reply, or invalid.
	LostBefore int64

	stack []frame
	buf   []byte     // kept text of earlier segments
	part  *replyPart // spare
}

// Elem is a top-level element of an aggregate.
type Elem struct {
	Start int64 // stream offset of its type byte
	N     int64 // as Reply.N
	// Text is the beginning, at most MaxElemText bytes, or MaxText of an error. It is borrowed as Reply.Text.
	Text   []byte
	Kind   Kind
	Marker byte
}

// Size returns the length of the reply on the wire in bytes.
func (r *Reply) Size() int64 { return r.End - r.Start }

func (r *Reply) reset() {
	// Field by field: a composite literal is built aside and copied, at twice the time.
	r.Start, r.End, r.N, r.LostBefore = 0, 0, 0, 0
	r.Kind, r.Marker, r.Doubtful = NoKind, 0, false
	r.Text = nil
	r.resetRare()
}

// resetRare resets what only few replies have. A statement each keeps the slices' pointers where they are, untouched:
// set together, they were all written back, 12 instructions.
func (r *Reply) resetRare() {
	r.Attr, r.Opaque, r.Streamed, r.TooDeep = false, false, false, false
	r.OddLine, r.Abandoned, r.Resynced, r.PushInside = false, false, false, false
	r.Elements, r.PushAt = 0, 0
	r.Elems = r.Elems[:0]
	r.stack = r.stack[:0]
	r.buf = r.buf[:0]
}

// frame is an aggregate whose elements are being read.
type frame struct {
	left int64 // values still to come; below 0 for a streamed one
	kind frameKind
}

type frameKind uint8

const (
	frameValue frameKind = iota
	frameAttr            // attributes: no element of what they stand in
	framePush            // a push inside an aggregate: no element either
)

// OpenReply describes a reply that is not yet whole.
type OpenReply struct {
	Start    int64
	Kind     Kind  // NoKind while its first line is incomplete
	Declared int64 // elements announced, two a pair for a map; -1 for a streamed aggregate, 0 for anything else
	Received int64 // elements that are whole
	Boundary bool  // the stream stands between two elements of the reply itself, not within one
}
