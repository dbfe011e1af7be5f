package analysis

import (
	"bytes"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// LastExchange returns the last command of the connection while it is not yet judged, or nil. It is valid during the
// event, and always there in Ended of a connection that carried RESP commands to its end.
func (s *Session) LastExchange() *Exchange {
	if s.log.len() == 0 {
		return nil
	}
	return s.log.last()
}

// LastServerData returns when the server last sent bytes on this connection; 0: not yet.
func (s *Session) LastServerData() capture.Time { return s.lastReply() }

// RejectedAtAccept reports whether the server refused the connection with an error before it had read anything.
func (s *Session) RejectedAtAccept() bool { return s.accepted > 0 }

// InsideCommand reports whether the client's stream stands inside a command.
func (s *Session) InsideCommand() bool {
	_, inside := s.requests.Partial()
	return inside
}

// OneSided reports whether the server's packets are missing from the capture altogether.
func (s *Session) OneSided() bool { return s.oneSided() }

// Commands returns how many commands the client has sent, Replies how many in-band replies the server has.
func (s *Session) Commands() int { return s.commands }

// Replies returns how many in-band replies the server has sent.
func (s *Session) Replies() int { return s.replies }

// Population returns the clients of one kind that the connection's client belongs to, or nil before its first command.
func (s *Session) Population() *Population {
	if s.group == nil {
		return nil
	}
	return s.group.pop
}

// Group returns the connections of one kind that this one belongs to, or nil before its first command.
func (s *Session) Group() *Group { return s.group }

// StanceOf says what policy the clients of a group have, and how that is known so far.
func (r *Run) StanceOf(g *Group) Stance {
	s := Session{run: r, Client: netip.AddrPortFrom(g.Client, 0), group: g}
	return s.stance()
}

// GivenTimeout returns the read timeout that the user gave for a client.
func (r *Run) GivenTimeout(client netip.Addr) (time.Duration, bool) { return r.givenTimeout(client) }

// Population returns the clients of the group's kind behind its address, to whatever servers.
func (g *Group) Population() *Population { return g.pop }

// Stance says what policy the connection's client has, and how that is known so far.
func (s *Session) Stance() Stance { return s.stance() }

// Waits returns what is known of how long the population waits for replies; of no population nothing is.
func (p *Population) Waits() *Timeouts {
	if p == nil {
		return &Timeouts{}
	}
	return p.estimate()
}

// Lib returns what is known of the population's library; of no population nothing is.
func (p *Population) Lib() Library {
	if p == nil {
		return Library{}
	}
	return p.library()
}

// turnedAway reports whether a reply is the error that Redis sends only when it accepts a connection beyond maxclients
// (src/networking.c, acceptCommonHandler). It answers no command, even if the server's kernel had one by then.
func (s *Session) turnedAway(r *resp.Reply) bool {
	return s.replies == 0 && s.Start != reassembly.MidStream && r.Kind == resp.Error && bytes.HasPrefix(r.Text, []byte("ERR max number of clients"))
}
