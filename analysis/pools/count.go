package pools

import (
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// join finds the link of the connection.
func (f *ConnFacts) join(s *pairing.Session) {
	if !f.joined && f.registry != nil {
		f.joined = true
		if f.link = f.registry.linkOf(s.Client.Addr(), s.Server); f.link != nil {
			f.link.inSight++
			f.registry.idle.Remove(&f.link.idle)
		}
	}
}

// establish counts the connection as open.
func (f *ConnFacts) establish(s *pairing.Session, at capture.Time) {
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
	if f.owed == CallerWaits {
		f.owe(ReplyOwed, at)
	}
	if f.Quit {
		f.link.ClosedByQuit++
	}
	f.endTick(at)
	f.link.recordClose(f, at)
}

// owe takes a change of what the connection waits for, and counts the connections of the link whose callers wait.
func (f *ConnFacts) owe(now Owed, at capture.Time) {
	was, since, l := f.owed, f.owedSince, f.link
	if f.owed = now; now != CallerWaits && was != CallerWaits {
		return
	}
	if f.owedSince = at; l == nil {
		return
	}
	by := 1
	if now != CallerWaits {
		if by = -1; at.Sub(since) < promptWithin {
			l.peer.prompt++
		}
	}
	l.endExhaustion(at)
	l.load.wait(by, l.Open, l.peer.prompt, at)
}

// Finish completes the facts at the end of the connection.
func (f *ConnFacts) Finish(s *pairing.Session, at capture.Time) {
	f.endTick(at)
	l := f.link
	if l == nil {
		return
	}
	defer l.outOfSight()
	if f.state == openConn && s.CommandCount == 0 && f.LastClient == 0 {
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
