package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// join finds the link of the connection.
func (f *ConnFacts) join(s *Session) {
	if !f.joined && f.registry != nil {
		f.joined = true
		f.link = f.registry.linkOf(s.Client.Addr(), s.Server)
	}
}

// establish counts the connection as open.
func (f *ConnFacts) establish(s *Session, at capture.Time) {
	if f.state != notOpen {
		return
	}
	f.state = openConn
	f.join(s)
	if f.link != nil {
		f.link.opened(at)
	}
}

// close takes the connection's first close by the client, or a reset by the server.
func (f *ConnFacts) close(at capture.Time) {
	if f.state != openConn {
		return
	}
	f.state = shutConn
	if f.link == nil {
		return
	}
	f.link.shut(at)
	if f.ServerFIN.Seen() {
		f.link.HalfClosed--
	}
	if f.owed == callerWaits {
		f.answer(at)
		f.owed = replyOwed
	}
	f.link.recordClose(f, at)
}

// owe takes what the connection waits for now, and counts the connections of the link whose callers wait.
func (f *ConnFacts) owe(s *Session, at capture.Time) {
	now := nothingOwed
	if s.pending.len() > 0 {
		if now = replyOwed; f.state != shutConn && s.awaited() {
			now = callerWaits
		}
	}
	if now == f.owed {
		return
	}
	switch {
	case now == callerWaits:
		if f.owedSince = at; f.link != nil {
			f.link.wait(1, at)
		}
	case f.owed == callerWaits:
		f.answer(at)
	}
	f.owed = now
}

// answer takes the end of a caller's wait.
func (f *ConnFacts) answer(at capture.Time) {
	if f.link != nil {
		if at.Sub(f.owedSince) < promptWithin {
			f.link.peer.prompt++
		}
		f.link.wait(-1, at)
	}
	f.owedSince = at
}

// Finish completes the facts at the end of the connection.
func (f *ConnFacts) Finish(s *Session, at capture.Time) {
	f.endTick(at)
	l := f.link
	if l == nil {
		return
	}
	if f.state == openConn && s.commands == 0 && f.LastClient == 0 {
		l.Unused++
	}
	if f.SYN.Seen() && f.state == notOpen {
		l.failed(f, at)
	}
	if f.state == openConn {
		if l.endExhaustion(at); s.End != reassembly.EndCapture {
			f.close(max(at, f.segmentAt))
		} else if f.timer.chain > 0 {
			l.Chains[f.timer.chain-1].Open = true
		}
	}
}
