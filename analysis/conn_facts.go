package analysis

import (
	"time"

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

// ConnFacts is what a connection's segments tell the rules on pools and connections: how it opened, when it was used,
// how each side closed it.
type ConnFacts struct {
	SYN       Mark // the client's first
	SYNs      int  // the first and its repetitions
	Refused   Mark // the RST that answered the SYN
	ServerFIN Mark // its Seq is the place of the FIN itself
	ServerRST Mark // not the one that answered a SYN
	FINAcked  Mark // the client's first packet that acknowledges the server's FIN
	ClientFIN Mark
	ClientRST Mark
	Probe     Mark // the server's first keep-alive probe

	// Late is the first data that the client sent after the server's FIN had arrived, LateWrites how many such
	// segments there were.
	Late       Mark
	LateWrites int

	IdleAtFIN time.Duration // how long both sides had been silent when the server closed
	LastData  capture.Time  // last payload of either side before the server closed

	LastClient capture.Time // last payload of the client; 0: none
	LastServer capture.Time // last payload of the server; 0: none

	// Idle is the longest silence of at least idleFloor before a write of the client that nothing answered.
	Idle      time.Duration
	IdleWrite Mark // that write
	Repeats   int  // times that it was transmitted again
	// Survived is the longest such silence after which the server still answered.
	Survived time.Duration

	ServerTTL uint8 // of the server's first packet that was not a reset
	Data      bool  // a command other than PING, QUIT, INFO and the connection's set-up
	Quit      bool  // QUIT was sent

	Overtook bool // after a pause something was written before any byte of the reply that was due had arrived

	established bool
	due         bool  // a reply
	wrote       int64 // where the client's stream ended
	wroteAck    int64 // ACK number of its last write
	closed      bool  // no longer counted as open
	owing       bool  // a caller waits for a reply
	owingSince  capture.Time
	last        capture.Time // last segment of any kind
	lastData    capture.Time // last payload of either side, or the SYN
	woken       capture.Time // first payload after the latest silence of tickSilence
	conn        int64
	link        *Link
	chain       int         // 1 + index in link.Chains; 0: none
	replaces    recentClose // the connection that this one may replace
	tick        pendingTick
	lastTick    capture.Time
}

// idleFloor is the shortest silence after which a rule asks whether the path has forgotten the connection.
const idleFloor = 30 * time.Second

// Established reports whether the connection came into being, as far as the capture shows.
func (f *ConnFacts) Established() bool { return f.established }

// Link returns the connections that this one belongs to, or nil where the bound on links was reached.
func (f *ConnFacts) Link() *Link { return f.link }

// CloseWait reports whether the server has closed, the client's kernel has acknowledged that, and the program has
// neither closed nor written since: TCP state CLOSE_WAIT (RFC 9293, section 3.3.2).
func (f *ConnFacts) CloseWait() bool {
	return f.FINAcked.Seen() && !f.ClientFIN.Seen() && !f.ClientRST.Seen() && !f.ServerRST.Seen() && !f.Late.Seen()
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

// see takes every segment of the connection, after the session itself has.
func (f *ConnFacts) see(s *Paired, who int, seg *reassembly.Segment) {
	if seg.Flags&(reassembly.SYN|reassembly.FIN|reassembly.RST) != 0 {
		f.control(s, who, seg)
	}
	if who == roleClient {
		f.fromClient(s, seg)
	} else {
		f.fromServer(seg)
	}
	if seg.Length > 0 {
		f.spoken(seg.Time)
	}
	if owing := s.awaited(); owing != f.owing {
		f.owe(owing, seg.Time)
	}
	f.due = s.pending.len() > 0
	f.last = seg.Time
}

// spoken takes a payload of either side.
func (f *ConnFacts) spoken(at capture.Time) {
	if at.Sub(f.lastData) >= tickSilence {
		f.woken = at
	}
	f.lastData = at
}

func (f *ConnFacts) control(s *Paired, who int, seg *reassembly.Segment) {
	switch {
	case seg.Flags&reassembly.SYN != 0 && who == roleClient:
		f.SYNs++
		if !f.SYN.Seen() {
			f.SYN = markOf(seg)
			f.lastData = seg.Time
			f.join(s)
			f.continues(seg.Time)
			f.tick = pendingTick{at: seg.Time, frame: seg.Frame, kind: TickOpen}
		}
	case seg.Flags&reassembly.RST != 0 && who == roleServer && !f.established:
		if f.SYN.Seen() && !f.Refused.Seen() {
			f.Refused = markOf(seg)
		}
	case seg.Flags&reassembly.RST != 0 && who == roleServer:
		if !f.ServerRST.Seen() {
			f.ServerRST = markOf(seg)
		}
		f.close(seg.Time)
	case seg.Flags&reassembly.RST != 0:
		if !f.ClientRST.Seen() {
			f.ClientRST = markOf(seg)
		}
		f.close(seg.Time)
	case seg.Flags&reassembly.FIN != 0 && who == roleServer:
		if !f.ServerFIN.Seen() {
			f.ServerFIN = markOf(seg)
			f.ServerFIN.Seq += int64(seg.Length)
			f.LastData = f.lastData
			if seg.Length > 0 {
				f.LastData = seg.Time
			}
			f.IdleAtFIN = seg.Time.Sub(f.LastData)
			if f.link != nil && f.established && !f.closed {
				f.link.HalfClosed++
			}
			if f.Quit {
				f.close(seg.Time)
			}
		}
	case seg.Flags&reassembly.FIN != 0:
		if !f.ClientFIN.Seen() {
			f.ClientFIN = markOf(seg)
		}
		f.close(seg.Time)
	}
	if who == roleServer && seg.Flags&(reassembly.SYN|reassembly.ACK) == reassembly.SYN|reassembly.ACK {
		f.establish(s, seg.Time)
	}
}

func (f *ConnFacts) fromClient(s *Paired, seg *reassembly.Segment) {
	if !f.established && seg.Flags&(reassembly.SYN|reassembly.RST) == 0 && s.roleKnown {
		f.establish(s, seg.Time)
	}
	if f.ServerFIN.Seen() && !f.FINAcked.Seen() && seg.Ack > f.ServerFIN.Seq {
		f.FINAcked = markOf(seg)
	}
	if seg.Repeated > 0 && seg.Length == 0 && !seg.Probe {
		f.Repeats++
	}
	if seg.Length == 0 {
		return
	}
	// The same ACK number as the write directly before: no byte of the reply that was due became readable in between.
	if f.due && seg.Offset == f.wrote && seg.Ack == f.wroteAck && seg.Ack != reassembly.NoAck && !seg.Late && seg.Time.Sub(f.LastClient) >= sampleFloor {
		f.Overtook = true
	}
	f.wrote, f.wroteAck = seg.Offset+int64(seg.Length), seg.Ack
	if len(seg.Payload) < seg.Length {
		f.useUnseen()
	}
	f.LastClient = seg.Time
	if f.ServerFIN.Seen() && seg.Ack > f.ServerFIN.Seq {
		if !f.Late.Seen() {
			f.Late = markOf(seg)
		}
		f.LateWrites++
	}
	if f.last == 0 || f.IdleWrite.Seen() {
		return
	}
	f.Repeats = 0
	if idle := seg.Time.Sub(f.last); idle >= idleFloor {
		f.Idle, f.IdleWrite = idle, markOf(seg)
	}
}

func (f *ConnFacts) fromServer(seg *reassembly.Segment) {
	if seg.Flags&reassembly.RST != 0 {
		return
	}
	if f.ServerTTL == 0 {
		f.ServerTTL = seg.TTL
	}
	if seg.Probe && !f.Probe.Seen() {
		f.Probe = markOf(seg)
	}
	if seg.Length > 0 {
		f.LastServer = seg.Time
	}
	if f.IdleWrite.Seen() {
		f.Survived = max(f.Survived, f.Idle)
		f.Idle, f.IdleWrite, f.Repeats = 0, Mark{}, 0
	}
}
