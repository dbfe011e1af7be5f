package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Event is what Events tells about the connections: an *Exchange or one of the facts in this package.
// Every event is borrowed: valid until the next one is asked for, unless it says otherwise.
type Event interface{ event() }

// ReplyInfo is what is kept of one reply.
type ReplyInfo struct {
	Start, End int64 // place in the server's stream
	K          int64 // ACK number of its first byte's segment: how much of the client's stream the server's kernel had
	Frame      int64
	File       int32
	FirstTime  capture.Time  // first byte
	Time       capture.Time  // last byte
	MaxGap     time.Duration // longest silence inside it
	Kind       resp.Kind
	N          int64 // integer value, or length in bytes, or number of elements
	Text       Snippet
	Resynced   bool // framing was guessed after lost bytes
}

// IsError reports whether it is an error reply.
func (r *ReplyInfo) IsError() bool { return r.Kind == resp.Error }

// Bytes returns the length on the wire.
func (r *ReplyInfo) Bytes() int64 { return r.End - r.Start }

// Snippet is the beginning of a text from the wire, kept in place.
type Snippet struct {
	buf  [64]byte
	n    uint8
	full int32
}

// Set keeps the beginning of b; length is that of the whole text.
func (s *Snippet) Set(b []byte, length int) {
	s.n = uint8(copy(s.buf[:], b))
	s.full = int32(min(length, 1<<31-1))
}

// Len returns the length of the whole text.
func (s *Snippet) Len() int { return int(s.full) }

// Whole reports whether nothing was cut off.
func (s *Snippet) Whole() bool { return int(s.n) == int(s.full) }

// Raw returns the kept bytes, borrowed from s.
func (s *Snippet) Raw() []byte { return s.buf[:s.n] }

// Belief says whose reply a caller got.
type Belief struct {
	Index      int // the command whose reply it was; 0: none, the caller gave up
	Confidence Confidence
}

// Exchange is one command of a connection with the reply the server meant and the reply its caller got.
type Exchange struct {
	Session *Session
	Index   int           // from 1 on its connection
	Call    resp.Call     // without the slot, which Slot gives
	Command *resp.Command // nil: not in the table
	Name    Snippet       // as sent
	Key     Snippet       // first key; Len 0 and !HasKey: none
	HasKey  bool
	Start   int64 // place in the client's stream: [Start, End)
	End     int64
	Ack     int64 // A(c): what the client had received when the first byte was transmitted
	Late    bool  // the captured copy may be a retransmission: Ack may be too new
	Frame   int64
	File    int32
	Time    capture.Time // first byte
	EndTime capture.Time // last byte
	// Outstanding counts the commands before this one that were still unanswered when it was sent.
	Outstanding int
	Batch       int32 // commands written together share it
	Flags       ExchangeFlags

	Served bool
	Serves ReplyInfo
	Belief Belief
	// AckedTime and AckedFrame are of the first packet by which the server's kernel acknowledged the command.
	AckedTime  capture.Time
	AckedFrame int64
	// Exec is what a command of a transaction got from EXEC. Serves is then the +QUEUED.
	Exec ExecView
	// Owed counts the replies owed before this command was written, as far as known.
	Owed int

	refs          int8 // queues that hold it
	verb          verb
	hello3        bool
	unsure        bool // its framing, or whether a reply is due at all, was guessed after bytes that the capture lacks
	full          bool // its first segment was as large as they get
	shared        bool // its first segment holds another command too
	lostReply     bool // its reply was sent, and not captured
	hypothesis    bool // its caller is inferred to have given up
	half          bool // a part of its reply was read and the rest left
	hasTS         bool
	beat          bool // a clock may have written it, see beats
	argc          int
	due           int // replies that are still to come
	totalDue      int
	confirmations int
	tsEcr         uint32
	ackedTS       uint32
	blockFor      time.Duration
	secretReply   bool
	contradiction string
	replyMode     replyEffect   // of a CLIENT REPLY
	idle          time.Duration // silence of the client before it
	foreign       bool          // the contradiction is by slot or echo
}

func (*Exchange) event() {}

// Slot returns the cluster slot of the command's first key. ok is false where there is none or it was not captured whole.
func (ex *Exchange) Slot() (slot uint16, ok bool) {
	ex.locate()
	return ex.Call.Slot()
}

// locate completes Call, of which the slot is worked out only when it is asked for.
func (ex *Exchange) locate() {
	if ex.Call.SlotDue() {
		ex.Call.Locate(ex.Key.Raw())
	}
}

// Idle returns how long the client had sent nothing before the command; 0 for the first one.
func (ex *Exchange) Idle() time.Duration { return ex.idle }

// ExchangeFlags are facts about a command that rules ask for.
type ExchangeFlags uint32

// Facts about a command.
const (
	NoReplyDue  ExchangeFlags = 1 << iota // CLIENT REPLY OFF or SKIP, or it stands behind QUIT
	Blocks                                // a blocking command
	Queued                                // inside MULTI
	InHandshake                           // before the first data command of the connection
	AfterHole                             // lost bytes before it, in either direction
	Uncertain                             // its pairing with a reply is not certain
	NotAwaited                            // QUIT, RESET, REPLCONF ACK and other commands that nobody waits for
	Pushed                                // its confirmation came as a push
	Subscribing                           // SUBSCRIBE and its family: many confirmations
	GivenUp                               // its caller was seen to stop waiting: WaitEnded was told
	AfterQuit                             // written behind QUIT
	LeftOut                               // the server sent no reply to it, though one was due
)

// ConnSummary is told when a connection is over and judged. With Run.KeepConns it stays valid, and Run.Conns completes it
// when the run is over.
type ConnSummary struct {
	ID             int64
	Client, Server netip.AddrPort
	First, Last    capture.Time
	Start          string // "syn" or "midstream"
	End            string // "fin", "rst", "open" or "cut"
	Protocol       string // "resp", "tls", "replication", "monitor", "pubsub", "unparsed", "empty"
	RoleBy         string // how the server side was told: "syn", "port", "bytes"
	Commands       int
	Replies        int
	Policy         string
	Library        string
	Version        string
	ReadTimeout    time.Duration
	Dirty          bool
	Behind         int
	LostBytes      int64
	Findings       []string

	group *Group
}

func (*ConnSummary) event() {}

// Options steer Events and Detect; the zero value is good.
type Options struct {
	Ports        []uint16                     // server ports, where no SYN tells the roles
	ReadTimeouts map[netip.Addr]time.Duration // known read timeouts; the zero Addr stands for every client
	Policies     map[netip.Addr]Policy        // known policies; the zero Addr stands for every client
	Drops        int64                        // packets the kernel dropped, if known from elsewhere
	Seen         int64                        // packets it saw, with Drops
	MaxExamples  int                          // per finding; 5
	ShowValues   bool                         // values in evidence, never secrets
	MaskKeys     bool                         // stable tokens instead of keys
	Params       map[string]string            // rule parameters, "rs101.min_gap"
	FileName     func(file int32) string      // names for evidence; "" without
	KeepConns    bool                         // collect the rows of the conns command
	Live         bool                         // findings as soon as they are safe
}

// Policy says how a client uses a connection.
type Policy uint8

// Policies.
const (
	PolicyUnknown   Policy = iota
	PolicyLockstep         // one command, or one batch, then all of its replies
	PolicyPipelines        // lockstep with explicit pipelines, learned
	PolicyMultiplex        // many callers share the connection
	PolicyAsync            // Sentinel, replication: replies are not awaited
)

var policyNames = [...]string{"unknown", "lockstep", "pipelines", "multiplex", "async"}

// String returns the word that every output uses.
func (p Policy) String() string { return policyNames[p] }

// ParsePolicy is the inverse of String.
func ParsePolicy(word string) (Policy, bool) {
	for i, n := range policyNames {
		if n == word {
			return Policy(i), true
		}
	}
	return 0, false
}

// Opened tells that a connection came into view.
type Opened struct {
	Session *Session
	Segment *reassembly.Segment
}

// Control tells of a segment that opens, closes or repeats.
type Control struct {
	Session    *Session
	Segment    *reassembly.Segment
	FromClient bool
}

// Ended tells that a connection is over. Its exchanges may still wait for judgement.
type Ended struct{ Session *Session }

// WaitEnded tells that a caller stopped waiting for a reply.
type WaitEnded struct {
	Session  *Session
	Exchange *Exchange
	Gap      time.Duration // from the end of the command
	How      GaveUp
	Frame    int64
	Time     capture.Time
}

// Sent tells of a command, before anything is known of its reply.
type Sent struct {
	Session  *Session
	Exchange *Exchange
	Request  *resp.Request
}

// Answered tells of a reply that was tied to its command, before anything is known of what the caller got.
type Answered struct {
	Session  *Session
	Exchange *Exchange
	Reply    *resp.Reply
	// Contradiction says why this reply cannot answer this command; empty: it can.
	Contradiction string
	// Foreign says that the contradiction is by slot or by an echoed text, which hardly fit by accident.
	Foreign bool
}

// Oddity tells of something in the streams that is no exchange.
type Oddity struct {
	Session *Session
	What    OddityKind
	Reply   *resp.Reply // where a whole reply is concerned
	Info    *ReplyInfo
	Text    string // the decoder's words, safe to print
	Frame   int64
	File    int32
	Time    capture.Time
	Offset  int64
	Sample  []byte // bytes around it, borrowed
	// Exchange is the command concerned, if there is one: of ShortReply the one that the aggregate answers, of TornWrite
	// and Unsolicited the one before.
	Exchange *Exchange
	Gap      time.Duration // of ShortReply, TornWrite and StaleMode: the silence before
	From     int64         // of TornWrite: where the interrupted command begins
	Refused  bool          // of TornWrite: the server said that it is a protocol error
}

// OddityKind is what is odd.
type OddityKind uint8

// Oddities.
const (
	Unsolicited    OddityKind = iota // a reply that no command asked for
	AtAccept                         // an error before the server had read anything
	BadRequest                       // client bytes that are no request
	BadReply                         // server bytes that are no reply
	PushInReply                      // a push inside another reply
	PushMessage                      // an ordinary push or message
	UnanchoredSeen                   // a reply that cannot be tied to a command after a loss or a start in mid-stream
	ProtocolError                    // the server's answer to bytes that are no request; it closes then
	ShortReply                       // an aggregate of which the server wrote fewer elements than it announced
	StaleMode                        // a command sent, after a pause, in a mode that somebody else left behind
	TornWrite                        // a command that begins, after a pause, where the bytes of another one are due
)

func (*Opened) event()    {}
func (*Control) event()   {}
func (*Ended) event()     {}
func (*WaitEnded) event() {}
func (*Sent) event()      {}
func (*Answered) event()  {}
func (*Oddity) event()    {}
