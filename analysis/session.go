package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Session is what is known of one connection: its roles, its mode, the commands that wait for a reply, and the
// exchanges that are not yet judged. It lives from the first packet of the connection until the last exchange of it has
// been emitted.
type Session struct {
	Conn   *reassembly.Conn // nil after the connection's end; ID, Client and the rest below stay
	ID     int64
	Client netip.AddrPort
	Server netip.AddrPort
	Start  reassembly.Start
	End    reassembly.End
	First  capture.Time
	Last   capture.Time
	RoleBy Basis
	Kind   Kind
	Lost   [2]int64 // bytes never captured: what the client sent, what the server sent

	run       *Run
	client    reassembly.Side
	roleKnown bool
	over      bool // no more segments
	group     *Group
	mode      mode
	turn      turn // who may take the short way
	handshake handshake
	commands  int // sent
	replies   int // in-band
	pushes    int
	batches   int32
	dirty     bool
	behind    int
	accepted  int // replies that the server sent before it had any command
	unsolicit int

	requests resp.RequestDecoder
	answers  resp.ReplyDecoder
	pending  queue // commands whose reply is due, oldest first
	log      queue // commands not yet settled, oldest first
	unread   queue // belief: replies owed to callers that had given up, oldest first
	acked    int   // log entries from the front that the server's kernel has acknowledged
	prev     tail  // the last command sent, and what followed it
	desync   *Desync
	batchBuf []*Exchange
	fed      [2]bool
	fullSize int         // largest segment of the client
	reqStart segmentMark // the segment that began a request which is not yet whole

	guessing     bool // what the callers got since depends on an inference, or on a wait that nobody can judge
	sharedWrites int
	blockTold    *BlockGivenUp
	early        bool             // judged before its end, by what the group had shown
	unsureMode   bool             // whether replies are due at all is not known: the capture lacks a part of a command that may say so
	slowAt       capture.Time     // arrival of a slow reply, until the next command; 0: none
	chance       float64          // that the number of replies owed is what it is said to be
	keyed        bool             // a command with a key was sent
	patient      [2]time.Duration // longest silences before a reply after which the client went on promptly
	inferred     bool             // inferLazy has run
	skips        bool             // its callers throw late replies away, see throwsAway
	beats        beats            // of its sends
	turns, quick int              // clean sends after a reply; of these, sooner after it than it had taken to come
	singles      int              // plain writes of one command
	multiples    int              // … of several
	suspect      bool             // something suspicious happened: what follows teaches nothing about the client's design
	overtaken    bool             // a command was written while a reply was due
	doubtful     bool             // the pairing is not certain since bytes were lost
	holes        bool             // lost bytes since the last command
	holed        [2]bool
	waiting      bool // in the run's list of sessions that wait for judgement
	forced       bool // judge with what is known
	closeSeen    bool
	repeated     bool // the client sent bytes again

	contradictions    int
	unanchoredReplies int
	undecided         int
	badRequests       int // places where the client's bytes are no request
	badAfter          int // commands before the last of them

	minRTT   time.Duration // fastest kernel acknowledgement of a command
	lastData [2]dataMark   // of each role
	closing  [2]closeMark
	ackSeen  [2]int64 // highest ACK number sent by each role: what it had received
	partial  replyProgress
	// closedWindow says that the client's last window was zero: its kernel can take no more.
	closedWindow bool
	torn         torn
	quietSubs    int         // confirmations that servers may send though CLIENT REPLY forbids replies
	blockUnknown bool        // bytes were lost that may have begun or ended a transaction
	cut          [2]bool     // segments of this role were captured in part
	deaf         bool        // it is over, and nothing of the server was captured
	held         *hold       // replies whose command is not decided; nil almost always
	block        transaction // the MULTI block that the server queues
	topo         topologyState
	facts        ConnFacts
	hidden       hidden
	headLen      int // commands at the front of the log that are known to be one batch, see headBatch
}

// Role indexes what client and server did.
const (
	roleClient = 0
	roleServer = 1
)

// Basis says how something about a connection was decided.
type Basis uint8

// Grounds for a decision, weakest first.
const (
	NoBasis Basis = iota
	ByBytes       // from the first payload
	ByPort        // from the port numbers
	BySYN         // from the handshake of TCP
)

var basisNames = [...]string{"", "bytes", "port", "syn"}

// String returns the word that every output uses.
func (b Basis) String() string { return basisNames[b] }

// segmentMark is a segment of the client in which a request begins.
type segmentMark struct {
	frame int64
	time  capture.Time
	ack   int64
	file  int32
	ts    uint32 // TSecr
	hasTS bool
	full  bool // as large as the largest so far: more of the same write may follow
	late  bool
	seen  bool
}

// dataMark is when a role's last segment with new bytes was.
type dataMark struct {
	time capture.Time
	file int32
	seen bool
}

// closeMark is a role's FIN or RST.
type closeMark struct {
	fin, rst bool
	frame    int64
	time     capture.Time
	ack      int64
	noTS     bool // an RST without timestamps on a connection that uses them: SO_LINGER 0
}

// tail describes the end of what the client last sent. frame, file, time and full are of the segment in which it begins.
type tail struct {
	ex         *Exchange // nil once it has been settled
	end        int64
	endTime    capture.Time
	ack        int64
	frame      int64
	time       capture.Time
	file       int32
	batch      int32
	full       bool
	late       bool
	valid      bool
	replyBytes bool // a server byte was delivered after it
}

// follow makes a command the tail.
func (t *tail) follow(ex *Exchange, start *segmentMark) {
	t.ex, t.end, t.endTime, t.ack, t.batch = ex, ex.End, ex.EndTime, ex.Ack, ex.Batch
	t.frame, t.time, t.file, t.full = start.frame, start.time, start.file, start.full
	t.late, t.valid, t.replyBytes = ex.Late, true, false
}

// replyProgress is the reply whose bytes are arriving.
type replyProgress struct {
	k       int64
	first   capture.Time
	last    capture.Time
	maxGap  time.Duration
	frame   int64
	started bool
}

func (s *Session) reset(run *Run, c *reassembly.Conn) {
	pending, log, unread, calls := s.pending, s.log, s.unread, s.block.calls
	pending.clear()
	log.clear()
	unread.clear()
	*s = Session{run: run, Conn: c, ID: c.ID, Start: c.Start, First: c.First, chance: 1, pending: pending, log: log, unread: unread}
	s.block.calls = calls[:0]
	s.facts.Begin(run.links, c.ID)
	s.ackSeen = [2]int64{reassembly.NoAck, reassembly.NoAck}
}

// role returns which role a side plays.
func (s *Session) role(side reassembly.Side) int { return int(side ^ s.client) }

func (s *Session) setClient(side reassembly.Side, by Basis) {
	s.client, s.roleKnown, s.RoleBy = side, true, by
	s.Client, s.Server = s.Conn.Ends[side], s.Conn.Ends[side.Other()]
}

// segment takes the next segment of the connection; plain is what plainSegment says of it.
func (s *Session) segment(seg *reassembly.Segment, plain bool) {
	if seg.End != reassembly.NotEnded {
		s.end(seg)
		return
	}
	if !s.roleKnown {
		s.decideRole(seg)
	}
	who := s.role(seg.From)
	if seg.Missing > 0 {
		s.hidden.hole(who, seg)
		s.hole(who, seg.Missing)
	}
	s.arrived(who, seg)
	if who == roleServer && seg.Ack != reassembly.NoAck && (plain || seg.Length > 0 || seg.Repeated == 0) {
		s.kernelAck(seg)
	}
	if seg.Length > len(seg.Payload) {
		s.cut[who] = true
	}
	if seg.Length > 0 {
		if s.Kind == Undecided {
			s.decideKind(who, seg)
		}
		if s.Kind.decoded() {
			if who == roleClient {
				s.clientBytes(seg)
			} else {
				s.serverBytes(seg)
			}
		}
	}
	if who == roleClient && seg.Flags&reassembly.SYN == 0 {
		s.closedWindow = seg.Window == 0
	}
	if seg.Ack > s.ackSeen[who] {
		s.ackSeen[who] = seg.Ack
	}
	if !plain && (seg.Flags&(reassembly.SYN|reassembly.FIN|reassembly.RST) != 0 || seg.Repeated > 0) {
		s.control(who, seg)
	}
	s.facts.See(s, who, seg, plain, s.owes())
	if (!plain || seg.Length > 0) && !s.run.longWay {
		s.turn = s.turnNow()
	}
}

// arrived takes what every segment tells.
func (s *Session) arrived(who int, seg *reassembly.Segment) {
	s.Last = seg.Time
	if seg.HasTS {
		s.hidden.stamp(who, seg)
	}
}

// kernelAck notes when the server's kernel had a command: the difference between a slow server and a slow network.
func (s *Session) kernelAck(seg *reassembly.Segment) {
	for s.acked < s.log.len() {
		ex := s.log.at(s.acked)
		if ex.End > seg.Ack {
			return
		}
		ex.AckedTime, ex.AckedFrame = seg.Time, seg.Frame
		if seg.HasTS {
			ex.ackedTS = seg.TSVal
		}
		if rtt := seg.Time.Sub(ex.EndTime); rtt >= 0 && !ex.Late && (s.minRTT == 0 || rtt < s.minRTT) {
			s.minRTT = max(rtt, time.Microsecond)
		}
		s.acked++
	}
}

// control notes openings, closings and retransmissions.
func (s *Session) control(who int, seg *reassembly.Segment) {
	if who == roleClient && seg.Repeated > 0 {
		s.repeated = true
	}
	m := &s.closing[who]
	if seg.Flags&reassembly.FIN != 0 && !m.fin && !m.rst {
		*m = closeMark{fin: true, frame: seg.Frame, time: seg.Time, ack: seg.Ack}
	}
	if seg.Flags&reassembly.RST != 0 && !m.rst {
		m.rst, m.noTS = true, !seg.HasTS || seg.TSVal == 0
		if !m.fin {
			m.frame, m.time, m.ack = seg.Frame, seg.Time, seg.Ack
		}
	}
	if who == roleClient && (m.fin || m.rst) && s.Kind.decoded() {
		s.clientClosed()
	}
	s.run.controlled(s, seg)
}

// end closes the session: the connection's last word has been said.
func (s *Session) end(seg *reassembly.Segment) {
	s.over, s.End = true, seg.End
	s.facts.Finish(s, seg.Time)
	if seg.Time > s.Last {
		s.Last = seg.Time
	}
	c := s.Conn
	if !s.roleKnown {
		s.setClient(reassembly.A, NoBasis)
	}
	s.Lost[roleClient] = c.Sides[s.client].Lost
	s.Lost[roleServer] = c.Sides[s.client.Other()].Lost
	s.deaf = !c.Sides[s.client.Other()].Seen
	if s.Kind.decoded() {
		s.tellTorn(false)
		s.finishReplies(max(s.closing[roleServer].time, s.closing[roleClient].time))
	}
	if s.run.ended(s); s.log.len() > 0 {
		s.settle()
	}
	s.Conn = nil
	c.Tag = nil
	if !s.waiting {
		s.run.retire(s)
	} else if s.log.len() == 0 {
		s.run.unawait(s)
		s.run.retire(s)
	}
}
