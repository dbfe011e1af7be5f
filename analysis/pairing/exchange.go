package pairing

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/snippet"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// Event is what a run emits about the connections: an *Exchange or one of the facts of the rooms below.
// Every event is borrowed: valid until the next one is asked for, unless it says otherwise.
type Event interface{ Event() }

// Event marks a judged command as an event.
func (*Exchange) Event() {}

// ReplyInfo is what is stored of one reply.
type ReplyInfo struct {
	Start, End int64 // place in the server's stream
	K          int64 // ACK number of its first byte's segment: how much of the client's stream the server's kernel had
	Frame      int64
	File       int32
	FirstTime  capture.Time  // first byte
	Time       capture.Time  // last byte
	MaxGap     time.Duration // longest silence inside it
	Kind       resp.Kind
	Resynced   bool  // framing was guessed after lost bytes
	N          int64 // integer value, or length in bytes, or number of elements
	Text       snippet.Snippet
}

// IsError reports whether it is an error reply.
func (r *ReplyInfo) IsError() bool { return r.Kind == resp.Error }

// Bytes returns the length on the wire.
func (r *ReplyInfo) Bytes() int64 { return r.End - r.Start }

// Belief is whose reply a caller got, as the reader infers it.
type Belief struct {
	Index      int // the command whose reply it was; 0: none, the caller gave up, or another outcome below
	Confidence Confidence
	Outcome    Outcome
}

// Outcome tells apart what a caller got where Belief.Index does not say it.
type Outcome uint8

// Outcomes.
const (
	Plain   Outcome = iota // the reply to the command Belief.Index, or none
	Unknown                // nobody can tell
	Before                 // a reply to a command from before the capture
	Extra                  // a reply that no command asked for
)

// Exchange is one command of a connection with the reply the server meant and the reply its caller got. What embeds into
// it is grouped by who writes it.
type Exchange struct {
	Session *Session
	Index   int // from 1 on its connection
	Flags   ExchangeFlags
	Batch   int32 // commands written together share it
	Due
	Served bool
	Refs   int8 // queues that contain it
	Belief Belief
	Place
	Acked
	// Outstanding counts the commands before this one that were still unanswered when it was sent.
	Outstanding int
	idle        time.Duration // silence of the client before it
	facts       known.Facts
	// Owed counts the replies owed before this command was written, as far as known.
	Owed   int
	Serves ReplyInfo
	Request
	// Exec is what a command of a transaction got from EXEC. Serves is then the +QUEUED.
	Exec          ExecView
	Contradiction string
	Foreign       bool // the contradiction is by slot or echo
	Caller        callerMarks
}

// reset readies the record of an earlier command for another one, in all that Session.Wrote does not set. The bytes of texts
// stay, which nothing counts: zeroing all took 30 instructions more.
func (ex *Exchange) reset() {
	r, v := &ex.Request, &ex.Serves
	r.Name.Clear()
	r.Key.Clear()
	r.HasKey, r.Verb, r.hello, r.secretReply, r.BlockFor, r.replyMode, r.armsDebugger = false, OtherVerb, 0, false, 0, 0, false
	ex.Due, ex.Acked, ex.Flags, ex.Served = Due{}, Acked{}, 0, false
	v.Start, v.End, v.K, v.Frame, v.File, v.FirstTime, v.Time, v.MaxGap = 0, 0, 0, 0, 0, 0, 0, 0
	v.Kind, v.N, v.Resynced = 0, 0, false
	v.Text.Clear()
	ex.Belief, ex.Exec, ex.Owed, ex.Refs = Belief{}, ExecView{}, 0, 0
	ex.Contradiction, ex.Foreign, ex.idle, ex.Caller = "", false, 0, callerMarks{}
}

// Request is what was asked.
type Request struct {
	Call         commands.Call     // without the slot, which Slot gives
	Command      *commands.Command // nil: not in the table
	HasKey       bool
	Verb         Verb
	hello        protocol // that a HELLO asks for
	secretReply  bool
	replyMode    replyEffect // of a CLIENT REPLY
	armsDebugger bool        // SCRIPT DEBUG YES or SYNC
	argc         int
	BlockFor     time.Duration
	Key          snippet.Snippet // first key; Len 0 and !HasKey: none
	Name         snippet.Snippet // as sent
}

// Place is where and when a command was captured.
type Place struct {
	Start, End int64 // place in the client's stream: [Start, End)
	Before     int64 // where what encloses it begins: Start, but on an encrypted connection
	Ack        int64 // A(c): what the client had received when the first byte was transmitted
	Late       bool  // the captured copy may be a retransmission: Ack may be too new
	Frame      int64
	File       int32
	Time       capture.Time // first byte
	EndTime    capture.Time // last byte
	TsEcr      uint32
	HasTS      bool
	Full       bool // its first segment was as large as they get
	Shared     bool // its first segment holds another command too
	Unsure     bool // its framing, or whether a reply is due at all, was guessed after bytes that the capture lacks
}

// Due is what replies a command is due.
type Due struct {
	due           int // replies that are still to come
	totalDue      int
	confirmations int
	LostReply     bool // its reply was sent, and not captured
}

// Acked is the first packet by which the server's kernel acknowledged the command.
type Acked struct {
	AckedTime  capture.Time
	AckedFrame int64
	AckedTS    uint32
}

// callerMarks is what the reader notes about a command's caller.
type callerMarks struct {
	Half bool // a part of its reply was read and the rest left
}

// Troubled reports whether a rule may want the exchange.
func (ex *Exchange) Troubled() bool { return ex.Flags&GivenUp != 0 || ex.Session.repeated }

// Waits reports whether the caller of a command waits for a reply.
func (ex *Exchange) Waits() bool { return ex.Flags&NoReplyDue == 0 && ex.totalDue > 0 }

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
	GivenUp                               // its caller was seen to stop waiting: WaitEnded was emitted
	AfterQuit                             // written behind QUIT
	LeftOut                               // the server sent no reply to it, though one was due
	Misplaced                             // no known command, and what stands in the place of its name may be anything
)
