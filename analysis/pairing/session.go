package pairing

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Session is the pairing of one connection: its roles, its modes, the commands that wait for a reply, and those that are
// not yet judged. It lives from the first packet of the connection until the last exchange of it has been emitted.
// client.Conn and reader.Conn are what the rooms above know of the same connection.
type Session struct {
	Identity
	Shared *Shared
	Sink   Sink
	roles
	Mode  mode
	Block transaction // the MULTI block that the server queues
	streams
	counts
	queues
	doubts
	Over   bool          // no more segments
	deaf   bool          // it is over, and nothing of the server was captured
	steady bool          // see settle
	Keyed  bool          // a command with a key was sent
	MinRTT time.Duration // fastest kernel acknowledgement of a command
	torn   *torn         // nil almost always
	db     known.Database
	hidden hidden
}

// Identity is which connection it is, and how it began and ended.
type Identity struct {
	Conn   *reassembly.Conn // nil after the connection's end; ID, Client and the rest below stay
	ID     int64
	Client netip.AddrPort
	Server netip.AddrPort
	Start  reassembly.Start
	End    reassembly.End
	First  capture.Time
	Last   capture.Time
	File   int32 // which has the first packet
	RoleBy Basis
	Kind   Kind
	Lost   [2]int64 // bytes never captured: what the client sent, what the server sent
}

// roles is which side is the client.
type roles struct {
	ClientSide reassembly.Side
	RoleKnown  bool
	undecided  int // payloads that did not show what the connection carries
	// framed says that a request came as an array, spelled that a command of a known name came as a line. Both are of the
	// time before the first reply.
	framed, spelled bool
}

// streams is where the two streams of bytes stand. Arrays are indexed by role.
type streams struct {
	requests resp.RequestDecoder
	Answers  resp.ReplyDecoder
	Fed      [2]bool
	cut      [2]bool     // segments of this role were captured in part
	LastData [2]dataMark // of each role
	Closing  [2]CloseMark
	AckSeen  [2]int64 // highest ACK number sent by each role: what it had received
	partial  replyProgress
	fullSize int         // largest segment of the client
	reqStart SegmentMark // the segment that began a request which is not yet whole
	repeated bool        // the client sent bytes again
	bareAck  int64       // highest ACK number of the client's packets without data
	noDelay  bool        // the server was seen to send a small packet while an earlier one was not acknowledged
	// closedWindow says that the client's last window was zero: its kernel can take no more.
	closedWindow bool
}

// counts is what was seen on the connection.
type counts struct {
	CommandCount int   // sent
	ReplyCount   int   // in-band
	askedBytes   int64 // of all commands
	replyBytes   int64 // of all replies
	Pushes       int
	Streams      bool    // of an encrypted connection: most of what the server sends answers nothing
	Usual        float64 // … the median time to a reply, s; 0: there was none
	batches      int32
	accepted     int // replies that the server sent before it had any command
	unsolicit    int

	contradictions    int
	unanchoredReplies int
	badRequests       int // places where the client's bytes are no request
	badAfter          int // commands before the last of them
	quietSubs         int // confirmations that servers may send though CLIENT REPLY forbids replies
}

// queues are the commands under way.
type queues struct {
	Pending Queue // commands whose reply is due, oldest first
	Log     Queue // commands not yet settled, oldest first
	Acked   int   // log entries from the front that the server's kernel has acknowledged
	Prev    tail  // the last command sent, and what followed it
	spilled []spill
}

// doubts is what is open about the pairing.
type doubts struct {
	described    bool // the Sink has said that the set-up of the connection is over
	unsureMode   bool // whether replies are due at all is not known: part of a command that may switch them off was not captured
	holes        bool // lost bytes since the last command
	holed        [2]bool
	voted        int         // one more than the replies before the pairing was anchored by quiet points; 0: it was not
	blockUnknown bool        // bytes were lost that may have begun or ended a transaction
	open         *unresolved // replies whose command is not decided; nil almost always
}

// Unanchored reports whether it is open which command the next reply serves, since bytes were lost.
func (d *doubts) Unanchored() bool { return d.open != nil && d.open.anchoring }

// contradictory reports whether replies are in the reply buffer because one of them cannot serve its command.
func (d *doubts) contradictory() bool { return d.open != nil && !d.open.anchoring }

// Sink takes what the pairing of a connection finds, in the order of the packets. The run implements it.
type Sink interface {
	// Describe is called with a command before it is numbered into a write: it may be a part of the connection's set-up.
	// It reports whether more of that may follow; commands of no Verb may then be left out.
	Describe(v Verb, req *resp.Request, ex *Exchange) bool
	// Sent is called with each command before its place in the queues is taken.
	Sent(ex *Exchange, req *resp.Request, start *SegmentMark)
	// Served is called when a reply was tied to its command, after the mode has moved.
	Served(ex *Exchange, r *resp.Reply)
	// LeftOut is called with a command that the server did not answer, though a reply was due.
	LeftOut(ex *Exchange)
	// Overrun is called when more commands wait for replies than may: the oldest wait no longer.
	Overrun()
	Oddity(o *Oddity)
	Aligned(a *Alignment)
	// ClientClosed is called at the client's first FIN or RST.
	ClientClosed()
	// Control is called for segments that open, close or repeat.
	Control(who int, seg *reassembly.Segment)
}

// Role indexes what client and server did.
const (
	RoleClient = 0
	RoleServer = 1
)

// Basis is how something about a connection was decided.
type Basis uint8

// Grounds for a decision, weakest first.
const (
	NoBasis Basis = iota
	ByBytes       // from what the payloads look like
	ByPort        // from the port numbers
	BySYN         // from the handshake of TCP
)

var basisNames = [...]string{"", "bytes", "port", "syn"}

// String returns the word that every output uses.
func (b Basis) String() string { return basisNames[b] }

// Begin makes s the pairing of a connection whose first segment is there, client being the side that its roles were decided
// to have as the client. The memory of its queues is used again.
func (s *Session) Begin(shared *Shared, sink Sink, seg *reassembly.Segment, client reassembly.Side, by Basis) {
	c := seg.Conn
	pending, log, calls := s.Pending, s.Log, s.Block.calls
	pending.Clear()
	log.Clear()
	if s.open != nil {
		shared.unresolved.Put(s.open)
	}
	*s = Session{Shared: shared, Sink: sink}
	s.Conn, s.ID, s.Start, s.First = c, c.ID, c.Start, c.First
	s.File = c.File
	s.Pending, s.Log = pending, log
	s.Block.calls = calls[:0]
	s.AckSeen = [2]int64{reassembly.NoAck, reassembly.NoAck}
	s.hidden.Frame, s.hidden.File = seg.Frame, seg.File
	s.ClientSide, s.RoleKnown, s.RoleBy = client, by != NoBasis, by
	s.Client, s.Server = c.Ends[client], c.Ends[client.Other()]
	s.bareAck = reassembly.NoAck
	if s.db = known.NewDatabase(s.Server, 0); s.Start == reassembly.MidStream {
		s.db = known.NewDatabase(s.Server, known.UnknownDatabase)
	}
}

// RoleOf returns which role the sender of a segment plays. FromClient or FromServer then takes the segment, and at last,
// unless it is Plain, TakeFlags.
func (s *Session) RoleOf(seg *reassembly.Segment) (who int) {
	return int(seg.From ^ s.ClientSide)
}

// missed notes what the capture lacks by the evidence of a segment.
func (s *Session) missed(who int, seg *reassembly.Segment) {
	if seg.Missing > 0 {
		s.hidden.hole(who, seg)
		s.hole(who, seg.Missing)
	}
	if seg.Framing > 0 {
		if who == RoleClient {
			s.requests.Skip(seg.Framing)
			if _, open := s.requests.Partial(); !open {
				s.Prev.next += seg.Framing
			}
		} else {
			s.Answers.Skip(seg.Framing)
		}
	}
	if seg.HasTS {
		s.hidden.clocks.Stamp(who, seg, &s.hidden.Found)
	}
	if seg.Sealed && s.Kind != RESP {
		s.LastData[who] = dataMark{seg.Time, seg.File, true, seg.Frame}
	} else if seg.Length > len(seg.Payload) {
		s.cut[who] = true
	}
}

// carriesRESP reports whether commands or replies are to be looked for in the payload of a segment.
func (s *Session) carriesRESP(who int, seg *reassembly.Segment) bool {
	if s.Kind == Undecided {
		s.roles.decideKind(s, who, seg)
	}
	return s.Kind.decoded()
}

// TakeFlags notes what the flags of a segment say, and that it repeats bytes.
func (s *Session) TakeFlags(who int, seg *reassembly.Segment) {
	if seg.Flags&(reassembly.SYN|reassembly.FIN|reassembly.RST) != 0 || seg.Repeated > 0 {
		s.control(who, seg)
	}
}

// settle works out steady, after a segment of which anything was out of the ordinary: that nothing is open but which
// commands pending get a reply. Then an ordinary command changes no mode and is due one reply, and a reply that such
// a command may get serves it. Whatever makes that untrue clears steady first.
func (s *Session) settle() {
	m := &s.Mode
	s.steady = s.Kind == RESP && s.open == nil && len(s.spilled) == 0 && s.described && s.ReplyCount > 0 && s.badRequests == 0 &&
		!s.holes && !s.unsureMode && !s.Shared.ShowValues &&
		!m.inMulti && m.replies == repliesOn && m.monitor == monitorOff && m.debugger == debuggerOff && m.Ending == notEnding && m.Subs == 0
}

// kernelAck notes when the server's kernel had a command: the difference between a slow server and a slow network.
func (s *Session) kernelAck(seg *reassembly.Segment) {
	all := s.Log.items
	for i := s.Log.head + s.Acked; i < len(all); i++ {
		ex := all[i]
		if ex.End > seg.Ack {
			return
		}
		ex.AckedTime, ex.AckedFrame = seg.Time, seg.Frame
		if seg.HasTS {
			ex.AckedTS = seg.TSVal
		}
		if rtt := seg.Time.Sub(ex.EndTime); (rtt < s.MinRTT || s.MinRTT == 0) && rtt >= 0 && !ex.Late {
			s.MinRTT = max(rtt, time.Microsecond)
		}
		s.Acked++
	}
}

// control notes openings, closings and retransmissions.
func (s *Session) control(who int, seg *reassembly.Segment) {
	if who == RoleClient && seg.Repeated > 0 {
		s.repeated = true
	}
	m := &s.Closing[who]
	if seg.Flags&reassembly.FIN != 0 && !m.Fin && !m.Rst {
		*m = CloseMark{Fin: true, Frame: seg.Frame, Time: seg.Time, Ack: seg.Ack}
	}
	if seg.Flags&reassembly.RST != 0 && !m.Rst {
		m.Rst, m.noTS = true, !seg.HasTS || seg.TSVal == 0
		if !m.Fin {
			m.Frame, m.Time, m.Ack = seg.Frame, seg.Time, seg.Ack
		}
	}
	if who == RoleClient && (m.Fin || m.Rst) && (s.Kind.decoded() || s.Kind == TLS) {
		s.Sink.ClientClosed()
	}
	s.Sink.Control(who, seg)
}

// Close ends the pairing: nothing follows on the connection. What still waits for judgement stays in the log.
func (s *Session) Close(seg *reassembly.Segment) {
	if seg.Time > s.Last {
		s.Last = seg.Time
	}
	c := s.Conn
	s.Lost[RoleClient] = c.Sides[s.ClientSide].Lost
	s.Lost[RoleServer] = c.Sides[s.ClientSide.Other()].Lost
	s.deaf = !c.Sides[s.ClientSide.Other()].Seen
	if s.Kind == RESP && !s.Spoke() && !s.SeenHole() && s.unsolicit+s.accepted+s.unanchoredReplies == 0 && s.CommandCount > 0 {
		stopPairing(s, Unparsed)
	}
	if s.Kind.decoded() || s.Asks() {
		reportTorn(s, false)
		s.finishReplies(max(s.Closing[RoleServer].Time, s.Closing[RoleClient].Time))
	}
}

// AtRest reports whether every command has been answered, and what follows depends on none of them: there is no transaction,
// no subscription, no MONITOR, and replies are on.
func (s *Session) AtRest() bool {
	m := &s.Mode
	return s.Kind == RESP && s.Pending.Len() == 0 && !m.inMulti && m.Subs == 0 && m.monitor == 0 && m.replies == repliesOn && s.open == nil
}
