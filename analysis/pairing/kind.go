package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp/commands"
)

// Kind is what a connection carries.
type Kind uint8

// What a connection may carry.
const (
	Undecided   Kind = iota // no payload yet, or none that shows what it is
	RESP                    // commands and replies
	PubSub                  // RESP, mostly messages to a subscriber
	Monitor                 // RESP, a MONITOR stream
	Replication             // a replication stream: nothing to pair
	TLS                     // encrypted
	Unparsed                // something else
)

var kindNames = [...]string{"empty", "resp", "pubsub", "monitor", "replication", "tls", "unparsed"}

// String returns the word that every output uses.
func (k Kind) String() string { return kindNames[k] }

func (k Kind) decoded() bool { return k == RESP || k == PubSub || k == Monitor }

// UndecidedLimit is how many payload segments of a connection that was caught in mid-stream may pass without one that
// begins like RESP before the connection is given up as something else.
const UndecidedLimit = 64

// Roles returns which end of a connection is the client, as the SYN tells, else the ports given, else the usual ports. With
// NoBasis only the bytes can tell; the end with the higher port is returned.
func (sh *Shared) Roles(c *reassembly.Conn) (client reassembly.Side, by Basis) {
	if c.Start != reassembly.MidStream {
		return reassembly.A, BySYN
	}
	for _, serves := range [2]func(uint16) bool{sh.serverPort, usualPort} {
		if a, b := serves(c.Ends[0].Port()), serves(c.Ends[1].Port()); a && !b {
			return reassembly.B, ByPort
		} else if b && !a {
			return reassembly.A, ByPort
		}
	}
	if c.Ends[0].Port() < c.Ends[1].Port() {
		return reassembly.B, NoBasis
	}
	return reassembly.A, NoBasis
}

// usualPort knows the ports that Redis, Sentinel and Cluster examples use.
func usualPort(p uint16) bool {
	return p >= 6379 && p <= 6400 || p == 26379 || p >= 7000 && p <= 7010
}

// GiveUp takes that so many payloads passed before the session began.
func (r *roles) GiveUp() { r.undecided = UndecidedLimit }

// Encrypted recognises a record of TLS.
func Encrypted(p []byte) bool {
	return len(p) >= 3 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4
}

// decideKind decides from a payload what the connection carries.
func (r *roles) decideKind(s *Session, who int, seg *reassembly.Segment) {
	p := seg.Payload
	if seg.Sealed || Encrypted(p) {
		s.Kind = TLS
		return
	}
	if len(p) == 0 {
		return // cut off whole by the snapshot length
	}
	like := commands.Like(p)
	switch {
	case who == RoleClient && (like == commands.LikeRequest || p[0] == '*' || p[0] == '\r' || p[0] == '\n'):
		s.Kind = RESP
	case who == RoleServer && (like == commands.LikeReply || p[0] == '*'):
		if s.Start == reassembly.MidStream || bytes.HasPrefix(p, []byte("-ERR ")) || bytes.HasPrefix(p, []byte("-DENIED ")) ||
			bytes.HasPrefix(p, []byte("-LOADING ")) || s.AckSeen[RoleServer] > 0 || seg.Ack > 0 {
			s.Kind = RESP
		} else {
			s.Kind = Unparsed // some other protocol whose server sends first
		}
	case s.Start == reassembly.MidStream && s.undecided < UndecidedLimit:
		s.undecided++
	case s.Shared.serverPort(s.Server.Port()) && printable(p):
		s.Kind = RESP // inline commands, or what a scanner sends to a Redis port
	default:
		s.Kind = Unparsed
	}
}

func printable(p []byte) bool {
	return !bytes.ContainsFunc(p, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' || r >= 0x7f })
}

// noRedis reports whether a connection on which only lines were sent turns out to be of another protocol, as its server's first
// bytes are no RESP. Where something is missing before them they may be the inside of a reply.
func noRedis(s *Session) bool {
	return s.ReplyCount == 0 && !s.framed && s.Pushes+s.accepted+s.unsolicit == 0 && s.Start != reassembly.MidStream && !s.SeenHole()
}
