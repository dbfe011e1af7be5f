package analysis

import (
	"bytes"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// LastExchange returns the last command of the connection while it is not yet judged, or nil. It is valid during the
// event, and always there in Ended of a connection that carried RESP commands to its end.
func (s *Paired) LastExchange() *Exchange {
	if s.log.len() == 0 {
		return nil
	}
	return s.log.last()
}

// Turned reports whether the server refused the connection with an error before it had read anything.
func (s *Paired) Turned() bool { return s.accepted > 0 }

// MidWrite reports whether the client's stream stands inside a command.
func (s *Paired) MidWrite() bool {
	_, inside := s.requests.Partial()
	return inside
}

// Commands returns how many commands the client has sent, Replies how many in-band replies the server has.
func (s *Paired) Commands() int { return s.commands }

// Replies returns how many in-band replies the server has sent.
func (s *Paired) Replies() int { return s.replies }

// turnedAway reports whether a reply is the error that Redis sends only when it accepts a connection beyond maxclients
// (src/networking.c, acceptCommonHandler). It answers no command, even if the server's kernel had one by then.
func (s *Paired) turnedAway(r *resp.Reply) bool {
	return s.replies == 0 && s.Start != reassembly.MidStream && r.Kind == resp.Error && bytes.HasPrefix(r.Text, []byte("ERR max number of clients"))
}

// OneSided reports that the server's packets are not in the capture.
func (s *Paired) OneSided() bool {
	if s.Conn == nil {
		return s.deaf
	}
	return !s.Conn.Sides[s.client.Other()].Seen
}
