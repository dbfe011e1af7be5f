package pairing

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp/commands"
)

// LastExchange returns the last command of the connection while it is not yet judged, or nil. It is valid during the
// event, and always there in Ended of a connection that carried RESP commands to its end.
func (s *Session) LastExchange() *Exchange {
	if s.Log.Len() == 0 {
		return nil
	}
	return s.Log.last()
}

// RejectedAtAccept reports whether the server refused the connection with an error before it had read anything.
func (s *Session) RejectedAtAccept() bool { return s.accepted > 0 }

// InsideCommand reports whether the client's stream stands inside a command.
func (s *Session) InsideCommand() bool {
	_, inside := s.requests.Partial()
	return inside
}

// RedisPort reports whether the server's port is one that Redis has, by the user's word or by habit.
func (s *Session) RedisPort() bool {
	return s.Shared.Ports[s.Server.Port()] || usualPort(s.Server.Port())
}

// Asks reports whether the connection has commands that are due replies, be it that nobody can read them.
func (s *Session) Asks() bool {
	return s.Kind == RESP || s.Kind == TLS && s.CommandCount > 0 && !s.Streams
}

// Commands returns how many commands the client has sent, Replies how many in-band replies the server has.
func (s *Session) Commands() int { return s.CommandCount }

// Replies returns how many in-band replies the server has sent.
func (s *Session) Replies() int { return s.ReplyCount }

// Database is the one that the latest SELECT asked for; known.UnknownDatabase: one from before the capture.
func (s *Session) Database() int { return s.db.Number }

// OneSided reports that the server's packets are not in the capture.
func (s *Session) OneSided() bool {
	return s.Conn == nil && s.deaf || s.Conn != nil && !s.Conn.Sides[s.ClientSide.Other()].Seen
}

// PairingSound reports whether the pairing of this connection is sound so far: no bytes are missing, and enough replies
// answered their commands that what does not fit is a fault of the server and not of the decoding.
func (s *Session) PairingSound() bool {
	return !s.Unanchored() && !s.SeenHole() && !s.cut[RoleServer] && !s.cut[RoleClient] && s.badRequests == 0 && s.ReplyCount >= minReplies &&
		s.ReplyCount > 4*s.contradictions
}

// Lossy reports whether bytes of the connection were not captured.
func (s *Session) Lossy() bool { return s.SeenHole() || s.cut[RoleClient] || s.cut[RoleServer] }

// CutCommands reports whether packets that were cut short hide how many commands were written.
func (s *Session) CutCommands() bool { return s.cut[RoleClient] && s.hidden.Reframed > 0 }

// InTransaction reports whether the server is queueing the commands of this connection, since which MULTI, and how many
// it has queued.
func (s *Session) InTransaction() (multi, queued int, ok bool) {
	return s.Block.multi, s.Block.Queued, s.Block.Open
}

// InBlock reports whether the server is queueing the commands of this connection.
func (s *Session) InBlock() bool { return s.Block.Open }

// Subscribed returns the number of channels and patterns that the connection is subscribed to, if it speaks RESP2,
// where that forbids other commands.
func (s *Session) Subscribed() int {
	if s.Mode.resp3 {
		return 0
	}
	return s.Mode.Subs
}

// Hidden returns what the capture hides of the connection, during Ended.
func (s *Session) Hidden() Hidden {
	h := s.hidden.Hidden
	h.Lost = s.Lost
	h.Anchored = !s.Unanchored()
	h.Unanchored = s.unanchoredReplies
	if c := s.Conn; c != nil {
		for role, side := range [2]reassembly.Side{s.ClientSide, s.ClientSide.Other()} {
			h.Seen[role], h.Bytes[role], h.Cut[role] = c.Sides[side].Seen, c.Sides[side].Bytes, c.Sides[side].Cut
		}
	}
	s.hidden.clocks.Settle(&h.Found)
	return h
}

// Silenced reports whether the command sent last is due no reply because of an earlier CLIENT REPLY, and of which.
func (s *Session) Silenced(ex *Exchange) (by string, ok bool) {
	m := &s.Mode
	switch {
	case m.silencedBy == 0 || ex.Index <= m.silencedBy || ex.Flags&NoReplyDue == 0:
		return "", false
	case m.replies == repliesOff:
		return "CLIENT REPLY OFF", true
	}
	return "CLIENT REPLY SKIP", ex.Index == m.silencedBy+1
}

// OnlySide reports whether data of one side only was captured, during Ended, and whose.
func (s *Session) OnlySide() (client, only bool) {
	c := s.Conn
	if c == nil {
		return false, false
	}
	of, back := c.Sides[s.ClientSide], c.Sides[s.ClientSide.Other()]
	switch {
	case of.Bytes > 0 && !back.Seen:
		return true, true
	case back.Bytes > 0 && !of.Seen:
		return false, true
	}
	return false, false
}

// OpenSecret returns, during Ended, where the request begins that the client had not finished, if it may hold a secret:
// Sent was never called for it.
func (s *Session) OpenSecret() (start int64, ok bool) {
	start, ok = s.requests.Partial()
	name, _ := s.requests.PartialName()
	return start, ok && (len(name) == 0 || commands.NamesSecret(name))
}

// minReplies is how many replies must have fitted before bytes that do not count as a fault of the server.
const minReplies = 2

// LastServerData returns when the server last sent bytes on this connection; 0: not yet.
func (s *Session) LastServerData() capture.Time { return s.LastData[RoleServer].Time }

// Spoke reports whether the connection has shown that it is Redis's: by a reply, by a request in the form of an array, or by a
// command as a line to a port of Redis. Lines alone are of many protocols.
func (s *Session) Spoke() bool {
	return s.ReplyCount > 0 || s.framed || s.spelled && s.RedisPort()
}
