package pools

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// Mark is a packet that a rule may quote; the zero value stands for a packet that was not seen.
type Mark struct {
	Frame    int64
	Time     capture.Time
	Seq, Ack int64 // stream offsets, as in reassembly.Segment
	File     int32
	TTL      uint8
}

// Seen reports whether there was such a packet.
func (m *Mark) Seen() bool { return m.Frame != 0 }

func markOf(seg *reassembly.Segment) Mark {
	return Mark{seg.Frame, seg.Time, seg.Offset, seg.Ack, seg.File, seg.TTL}
}

// ConnFacts is what a connection's segments show the rules on pools and connections: how it opened, when it was used,
// how each side closed it. Begin comes first, then for each segment Command for the commands in it and See, then Finish.
type ConnFacts struct {
	Opening
	Closing
	Activity
	Silence

	registry *Registry
	link     *Link
	conn     int64
	state    connState
	owed     Owed
	// owedSince is when a caller began to wait, or ceased to.
	owedSince capture.Time
	// steady says that the connection is open, that nobody has closed it, and that no write waits for a sign of life.
	steady bool
	joined bool // the registry has been asked for the link
	timer  timerState
}

// Opening is how a connection came into being.
type Opening struct {
	SYN       Mark  // the client's first
	SYNs      int   // the first and its repetitions
	Refused   Mark  // the RST that answered the SYN
	ServerTTL uint8 // of the server's first packet that was not a reset
}

// Closing is how each side closed.
type Closing struct {
	GaveUp    bool // the client closed while a caller waited for a reply
	ServerFIN Mark // its Seq is the place of the FIN itself
	ServerRST Mark // not the one that answered a SYN
	FINAcked  Mark // the client's first packet that acknowledges the server's FIN
	ClientFIN Mark
	ClientRST Mark

	// Late is the first data that the client sent after the server's FIN had arrived, LateWrites how many such
	// segments there were.
	Late       Mark
	LateWrites int

	IdleAtFIN time.Duration // how long both sides had been silent when the server closed
	LastData  capture.Time  // last payload of either side before the server closed
}

// Activity is how a connection was used.
type Activity struct {
	LastClient capture.Time // last payload of the client; 0: none
	LastServer capture.Time // last payload of the server; 0: none
	Probe      Mark         // the server's first keep-alive probe
	Data       bool         // a command other than PING, QUIT, INFO and the connection's set-up
	Quit       bool         // QUIT was sent
	Overtook   bool         // after a pause something was written before any byte of the reply that was due had arrived

	writeEnd  int64        // where the client's stream ended
	writeAck  int64        // ACK number of its last write
	segmentAt capture.Time // last segment of any kind
	payloadAt capture.Time // last payload of either side, or the SYN
	wokenAt   capture.Time // first payload after the latest silence of tickSilence
}

// Silence is the longest silence of at least idleFloor before a write of the client that nothing answered.
type Silence struct {
	Idle      time.Duration
	IdleWrite Mark // that write
	Repeats   int  // times that it was transmitted again
	// Survived is the longest such silence after which the server still answered.
	Survived time.Duration
}

// connState says whether a connection counts as open.
type connState uint8

const (
	notOpen  connState = iota // it has not come into being, as far as the capture shows
	openConn                  // established, or found open
	shutConn                  // closed by the client, after QUIT, or reset by either side
)

// Owed says what a connection waits for.
type Owed uint8

// What a connection may wait for.
const (
	NothingOwed Owed = iota
	ReplyOwed        // replies are due that no caller is known to wait for: to blocking commands, or where bytes were lost
	CallerWaits      // a caller waits for a reply
)

// idleFloor is the shortest silence after which a rule asks whether the path has forgotten the connection.
const idleFloor = 30 * time.Second

// Begin readies the zero value for a connection of the registry's run.
func (f *ConnFacts) Begin(r *Registry, conn int64) { f.registry, f.conn = r, conn }

// Established reports whether the connection came into being, as far as the capture shows.
func (f *ConnFacts) Established() bool { return f.state != notOpen }

// Link returns the connections that this one belongs to, or nil where the bound on links was reached.
func (f *ConnFacts) Link() *Link { return f.link }

// CloseWait reports whether the server has closed, the client's kernel has acknowledged that, and the program has
// neither closed nor written since: TCP state CLOSE_WAIT (RFC 9293, section 3.3.2).
func (f *ConnFacts) CloseWait() bool {
	return f.FINAcked.Seen() && !f.ClientFIN.Seen() && !f.ClientRST.Seen() && !f.ServerRST.Seen() && !f.Late.Seen()
}

// ResetUnseen reports whether a reset by a client that has closed already answers something the capture has not: a kernel
// resets such a connection when more data arrives (RFC 9293 section 3.10.7.4). It does so too where the program shut the
// connection down and closes it with a reply in the buffer (RFC 1122 section 4.2.2.13): then all that was due is there.
func (f *ConnFacts) ResetUnseen() bool {
	return f.ClientFIN.Seen() && !f.ServerFIN.Seen() && !f.ServerRST.Seen() && f.LastServer < f.ClientFIN.Time && f.LastServer <= f.LastClient
}

// ServerTimeout returns the setting `timeout` of the server, in seconds, that explains why it closed the connection, or
// 0. Redis closes when unixtime - lastinteraction > timeout, both in whole seconds, and looks once a second, so its FIN
// comes in [floor(last)+timeout+1, +2) seconds (src/timeout.c, clientsCronHandleTimeout).
func (f *ConnFacts) ServerTimeout() int {
	if !f.ServerFIN.Seen() || f.LastData == 0 || f.IdleAtFIN < 2*time.Second {
		return 0
	}
	return int(f.ServerFIN.Time.Std().Unix() - f.LastData.Std().Unix() - 1)
}

// See takes every segment of the connection, and what the connection waits for after it.
func (f *ConnFacts) See(s *pairing.Session, who int, seg *reassembly.Segment, now Owed) {
	at := seg.Time
	if !seg.Plain || !f.steady || seg.Length == 0 || at.Sub(f.payloadAt) >= tickSilence || who == pairing.RoleClient && f.owed != NothingOwed {
		f.look(s, who, seg, now)
		return
	}
	// Nearly all segments: data on an open connection after no silence, of the client when nothing was due.
	f.payloadAt, f.segmentAt = at, at
	if who == pairing.RoleClient {
		f.wrote(seg)
		f.Repeats = 0
	} else {
		f.LastServer = at
	}
	if now != f.owed {
		f.owe(now, at)
	}
}

// look takes a segment of any kind.
func (f *ConnFacts) look(s *pairing.Session, who int, seg *reassembly.Segment, now Owed) {
	f.timer.lossy = f.timer.lossy || seg.Missing > 0
	if seg.Flags&(reassembly.SYN|reassembly.FIN|reassembly.RST) != 0 {
		f.control(s, who, seg)
	}
	if who == pairing.RoleClient {
		f.fromClient(s, seg)
	} else {
		f.fromServer(seg)
	}
	f.steady = f.state == openConn && !f.ServerFIN.Seen() && !f.IdleWrite.Seen() && f.ServerTTL != 0
	if seg.Length > 0 {
		f.payload(seg.Time)
	}
	f.segmentAt = seg.Time
	if now == CallerWaits && f.state == shutConn {
		now = ReplyOwed // nobody waits on a closed connection
	}
	if now != f.owed {
		f.owe(now, seg.Time)
	}
}

// wrote takes data of the client.
func (f *ConnFacts) wrote(seg *reassembly.Segment) {
	f.writeEnd, f.writeAck = seg.Offset+int64(seg.Length), seg.Ack
	f.LastClient = seg.Time
}

// payload takes the time of data of either side.
func (f *ConnFacts) payload(at capture.Time) {
	if at.Sub(f.payloadAt) >= tickSilence {
		f.wokenAt = at
	}
	f.payloadAt = at
}
