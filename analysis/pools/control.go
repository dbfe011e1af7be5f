package pools

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// overtakePause is the shortest silence after which a caller that had no reply yet was not just writing on.
const overtakePause = 5 * time.Millisecond

// control takes a SYN, FIN or RST.
func (f *ConnFacts) control(s *pairing.Session, who int, seg *reassembly.Segment) {
	switch {
	case seg.Flags&reassembly.SYN != 0 && who == pairing.RoleClient:
		f.syn(s, seg)
	case seg.Flags&reassembly.RST != 0 && who == pairing.RoleServer && f.state == notOpen:
		if f.SYN.Seen() && !f.Refused.Seen() {
			f.Refused = markOf(seg)
		}
	case seg.Flags&reassembly.RST != 0:
		m := &f.ClientRST
		if who == pairing.RoleServer {
			m = &f.ServerRST
		}
		if !m.Seen() {
			*m = markOf(seg)
			f.GaveUp = f.GaveUp || who == pairing.RoleClient && f.owed == CallerWaits
		}
		f.close(seg.Time)
	case seg.Flags&reassembly.FIN != 0 && who == pairing.RoleServer:
		f.serverFIN(seg)
	case seg.Flags&reassembly.FIN != 0:
		if !f.ClientFIN.Seen() {
			f.ClientFIN = markOf(seg)
			f.GaveUp = f.GaveUp || f.owed == CallerWaits
		}
		f.close(seg.Time)
	}
	if who == pairing.RoleServer && seg.Flags&(reassembly.SYN|reassembly.ACK) == reassembly.SYN|reassembly.ACK {
		f.establish(s, seg.Time)
	}
}

func (f *ConnFacts) syn(s *pairing.Session, seg *reassembly.Segment) {
	f.SYNs++
	if f.SYN.Seen() {
		return
	}
	f.SYN = markOf(seg)
	f.payloadAt = seg.Time
	f.join(s)
	if f.link != nil {
		f.timer.replaces = f.link.closes.before(seg.Time)
	}
	f.timer.pending = pendingTick{at: seg.Time, frame: seg.Frame, kind: TickOpen}
	f.timer.idle = false
}

func (f *ConnFacts) serverFIN(seg *reassembly.Segment) {
	if f.ServerFIN.Seen() {
		return
	}
	f.ServerFIN = markOf(seg)
	f.ServerFIN.Seq += int64(seg.Length)
	f.LastData = f.payloadAt
	if seg.Length > 0 {
		f.LastData = seg.Time
	}
	f.IdleAtFIN = seg.Time.Sub(f.LastData)
	if f.link != nil && f.state == openConn {
		f.link.HalfClosed++
	}
	if f.Quit {
		f.close(seg.Time)
	}
}

func (f *ConnFacts) fromClient(s *pairing.Session, seg *reassembly.Segment) {
	if f.state == notOpen && seg.Flags&(reassembly.SYN|reassembly.RST) == 0 && s.RoleKnown {
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
	if f.owed != NothingOwed && seg.Offset-seg.Framing == f.writeEnd && seg.Ack == f.writeAck && seg.Ack != reassembly.NoAck && !seg.Late &&
		seg.Time.Sub(f.LastClient) >= overtakePause {
		f.Overtook = true
	}
	f.wrote(seg)
	if len(seg.Payload) < seg.Length || s.Kind == pairing.TLS {
		f.carriedData() // what was not captured, or cannot be read, may have been
	}
	if f.ServerFIN.Seen() && seg.Ack > f.ServerFIN.Seq {
		if !f.Late.Seen() {
			f.Late = markOf(seg)
		}
		f.LateWrites++
	}
	if f.segmentAt == 0 || f.IdleWrite.Seen() {
		return
	}
	f.Repeats = 0
	if idle := seg.Time.Sub(f.segmentAt); idle >= idleFloor {
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
