package analysis

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp/commands"
)

// LastExchange returns the last command of the connection while it is not yet judged, or nil. It is valid during the
// event, and always there in Ended of a connection that carried RESP commands to its end.
func (s *Paired) LastExchange() *Exchange {
	if s.log.len() == 0 {
		return nil
	}
	return s.log.last()
}

// RejectedAtAccept reports whether the server refused the connection with an error before it had read anything.
func (s *Paired) RejectedAtAccept() bool { return s.accepted > 0 }

// InsideCommand reports whether the client's stream stands inside a command.
func (s *Paired) InsideCommand() bool {
	_, inside := s.requests.Partial()
	return inside
}

// Commands returns how many commands the client has sent, Replies how many in-band replies the server has.
func (s *Paired) Commands() int { return s.commands }

// Replies returns how many in-band replies the server has sent.
func (s *Paired) Replies() int { return s.replies }

// OneSided reports that the server's packets are not in the capture.
func (s *Paired) OneSided() bool {
	if s.Conn == nil {
		return s.deaf
	}
	return !s.Conn.Sides[s.client.Other()].Seen
}

// Certain reports whether the pairing of this connection has held so far: no bytes are missing, and enough replies
// answered their commands that what does not fit is a fault of the server's and not of reading it.
func (s *Paired) Certain() bool {
	return !s.unanchored() && !s.seenHole() && !s.cut[roleServer] && !s.cut[roleClient] && s.badRequests == 0 && s.replies >= minReplies &&
		s.replies > 4*s.contradictions
}

// Lossy reports whether bytes of the connection were not captured.
func (s *Paired) Lossy() bool { return s.seenHole() || s.cut[roleClient] || s.cut[roleServer] }

// InTransaction reports whether the server is queueing the commands of this connection, since which MULTI, and how many
// it has queued.
func (s *Paired) InTransaction() (multi, queued int, ok bool) {
	return s.block.multi, s.block.queued, s.block.open
}

// Subscribed returns the number of channels and patterns that the connection is subscribed to, if it speaks RESP2,
// where that forbids other commands.
func (s *Paired) Subscribed() int {
	if s.mode.resp3 {
		return 0
	}
	return s.mode.subs
}

// Hidden returns what the capture hides of the connection, during Ended.
func (s *Paired) Hidden() Hidden {
	h := s.hidden.Hidden
	h.Lost = s.Lost
	h.Anchored = !s.unanchored()
	h.Unanchored = s.unanchoredReplies
	if c := s.Conn; c != nil {
		for role, side := range [2]reassembly.Side{s.client, s.client.Other()} {
			h.Seen[role], h.Bytes[role], h.Cut[role] = c.Sides[side].Seen, c.Sides[side].Bytes, c.Sides[side].Cut
		}
	}
	for role, clock := range s.hidden.clocks { // a copy: several rules ask
		clock.settle(&h, role)
	}
	return h
}

// OnlySide reports whether data of one side only was captured, during Ended, and whose.
func (s *Paired) OnlySide() (client, only bool) {
	c := s.Conn
	if c == nil {
		return false, false
	}
	of, back := c.Sides[s.client], c.Sides[s.client.Other()]
	switch {
	case of.Bytes > 0 && !back.Seen:
		return true, true
	case back.Bytes > 0 && !of.Seen:
		return false, true
	}
	return false, false
}

// OpenSecret returns, during Ended, where the request begins that the client had not finished, if it may hold a secret:
// it was never told as Sent.
func (s *Paired) OpenSecret() (start int64, ok bool) {
	start, ok = s.requests.Partial()
	name, _ := s.requests.PartialName()
	return start, ok && (len(name) == 0 || commands.NamesSecret(name))
}

// minReplies is how many replies must have fitted before bytes that do not are held against the server.
const minReplies = 2

// lastReply returns when the last byte of the server arrived.
func (s *Paired) lastReply() capture.Time { return s.lastData[roleServer].time }

// LastServerData returns when the server last sent bytes on this connection; 0: not yet.
func (s *Paired) LastServerData() capture.Time { return s.lastReply() }
