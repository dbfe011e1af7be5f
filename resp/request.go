package resp

// Bounds of what is kept of one request.
const (
	// MaxArgs is the number of leading arguments kept in Request.Args.
	MaxArgs = 16
	// MaxArg is the number of bytes kept of an argument that was split between segments. An argument that lies
	// whole in one segment is given whole.
	MaxArg = 1024
	// MaxInline is the longest inline request, PROTO_INLINE_MAX_SIZE of Redis.
	MaxInline = 64 << 10
	// maxHeader is the longest argument count or length line worth waiting for; 64 bits need 20 digits.
	maxHeader = 32
)

// Arg is one argument of a request.
type Arg struct {
	// Bytes is the captured beginning: all Len bytes, or fewer where the rest was not captured or the argument was
	// split between segments and is longer than MaxArg. It is borrowed until the next call of Next.
	Bytes []byte
	// Len is the length in bytes that the sender declared.
	Len int
}

// Whole says that Bytes is the entire argument.
func (a Arg) Whole() bool { return len(a.Bytes) == a.Len }

// Request is one command with its arguments, the name being the first. Reuse one Request for any number of calls and
// decoders: it owns the memory that split requests need, so that a steady state allocates nothing.
type Request struct {
	Start, End int64 // stream offsets: the request is [Start, End)
	Args       []Arg // the first MaxArgs arguments, name included
	Last       Arg   // the last argument, also where it is beyond Args
	NArgs      int   // number of arguments, name included; at least 1
	Inline     bool  // sent as a plain line
	Opaque     bool  // bytes of an argument were not captured; the framing is exact nevertheless
	Resynced   bool  // the first request at a boundary that was found after lost or invalid bytes: it may be wrong
	// Doubtful says that this request or one before it was Resynced, and that nothing has confirmed the boundary since.
	Doubtful bool
	// LostBefore counts the bytes directly before Start that belong to no request: never captured, given up with a
	// broken request, or invalid.
	LostBefore int64

	buf  []byte       // unquoted inline arguments, and argument bytes of earlier segments
	part *requestPart // spare
}

// Name returns the captured bytes of the command's name, in the sender's case.
func (r *Request) Name() []byte {
	if len(r.Args) == 0 {
		return nil
	}
	return r.Args[0].Bytes
}

// Arg returns argument i, the name being 0, if it is one that is kept.
func (r *Request) Arg(i int) (Arg, bool) {
	switch {
	case i < 0 || i >= r.NArgs:
		return Arg{}, false
	case i < len(r.Args):
		return r.Args[i], true
	case i == r.NArgs-1:
		return r.Last, true
	}
	return Arg{}, false
}

// Size returns the length of the request on the wire in bytes.
func (r *Request) Size() int64 { return r.End - r.Start }

func (r *Request) reset() {
	*r = Request{Args: r.Args[:0], buf: r.buf[:0], part: r.part}
}

func (r *Request) add(a Arg, index, count int) {
	if index < MaxArgs {
		r.Args = append(r.Args, a)
	}
	if index == count-1 {
		r.Last = a
	}
}
