package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// establish counts the connection as open.
func (f *ConnFacts) establish(s *Paired, at capture.Time) {
	if f.established {
		return
	}
	f.established = true
	f.join(s)
	if f.link != nil {
		f.link.opened(at)
	}
}

// close takes the connection's first close by the client, or a reset by the server.
func (f *ConnFacts) close(at capture.Time) {
	if f.closed || !f.established {
		return
	}
	f.closed = true
	if f.link == nil {
		return
	}
	f.link.shut(at)
	if f.ServerFIN.Seen() {
		f.link.HalfClosed--
	}
	if f.owing {
		f.owe(false, at)
	}
	f.link.remember(f, at)
}

// owe counts the connections of a link whose callers wait for a reply.
func (f *ConnFacts) owe(owing bool, at capture.Time) {
	if f.closed && owing {
		return
	}
	if !owing && f.link != nil && at.Sub(f.owingSince) < promptWithin {
		f.link.peer.prompt++
	}
	f.owing, f.owingSince = owing, at
	if f.link == nil {
		return
	}
	if owing {
		f.link.owing(1, at)
	} else {
		f.link.owing(-1, at)
	}
}

// join finds the link of the connection.
func (f *ConnFacts) join(s *Paired) {
	f.conn = s.ID
	if f.link == nil {
		f.link = SessionOf(s).run.linkOf(s)
	}
}

// finish completes the facts at the end of the connection.
func (f *ConnFacts) finish(s *Paired, at capture.Time) {
	f.endTick(at)
	if f.link == nil {
		return
	}
	if f.established && s.commands == 0 && f.LastClient == 0 && !f.closed {
		f.link.Unused++
	}
	if f.SYN.Seen() && !f.established {
		f.link.failed(f, at)
	}
	if !f.closed && f.established {
		if f.link.exhausted(at); s.End != reassembly.EndCapture {
			f.close(max(at, f.last))
		} else if f.chain > 0 {
			f.link.Chains[f.chain-1].Open = true
		}
	}
}
