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

// undecidedLimit is how many payload segments of a connection that was caught in mid-stream may pass without one that
// begins like RESP before the connection is given up as something else.
const undecidedLimit = 64

// decide decides which end is the client: by the SYN, else by the ports given, else by what the first payload looks
// like, the usual ports breaking ties.
func (r *roles) decide(s *Session, seg *reassembly.Segment) {
	c := s.Conn
	if c.Start != reassembly.MidStream {
		s.setClient(reassembly.A, BySYN)
		return
	}
	a, b := s.Shared.serverPort(c.Ends[0].Port()), s.Shared.serverPort(c.Ends[1].Port())
	if a != b {
		if a {
			s.setClient(reassembly.B, ByPort)
		} else {
			s.setClient(reassembly.A, ByPort)
		}
		return
	}
	switch looksLike(seg.Payload) {
	case likeRequest:
		s.setClient(seg.From, ByBytes)
	case likeReply:
		s.setClient(seg.From.Other(), ByBytes)
	default:
		side := reassembly.A
		if usualPort(c.Ends[0].Port()) && !usualPort(c.Ends[1].Port()) ||
			usualPort(c.Ends[0].Port()) == usualPort(c.Ends[1].Port()) && c.Ends[0].Port() < c.Ends[1].Port() {
			side = reassembly.B
		}
		s.setClient(side, NoBasis)
		s.RoleKnown = false // a later payload may decide
	}
}

// usualPort knows the ports that Redis, Sentinel and Cluster examples use.
func usualPort(p uint16) bool {
	return p >= 6379 && p <= 6400 || p == 26379 || p >= 7000 && p <= 7010
}

type likeness uint8

const (
	likeNeither likeness = iota
	likeRequest
	likeReply
)

// looksLike reports whether a payload begins like a request or like a reply. An array whose first element is no command
// name could be either.
func looksLike(p []byte) likeness {
	if len(p) == 0 {
		return likeNeither
	}
	switch p[0] {
	case '*':
		if word, ok := firstBulk(p); ok && commands.IsCommandName(word) {
			return likeRequest
		}
		return likeNeither
	case '+', '-', ':', '$', '%', '>', '~', '_', '#', ',', '(', '=', '|', '!':
		return likeReply
	}
	line, _, _ := bytes.Cut(p, []byte("\n"))
	word, _, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	if commands.IsCommandName(word) && !bytes.Contains(line, []byte(" HTTP/")) {
		return likeRequest
	}
	return likeNeither
}

// firstBulk returns the first element of an array of bulk strings that stands whole at the start of p.
func firstBulk(p []byte) ([]byte, bool) {
	_, rest, ok := bytes.Cut(p, []byte("\r\n$"))
	if !ok || len(p)-len(rest) > 16 {
		return nil, false
	}
	size, body, ok := bytes.Cut(rest, []byte("\r\n"))
	if !ok || len(size) == 0 || len(size) > 3 {
		return nil, false
	}
	n := 0
	for _, d := range size {
		if d < '0' || d > '9' {
			return nil, false
		}
		n = n*10 + int(d-'0')
	}
	if n > len(body) {
		return nil, false
	}
	return body[:n], true
}

// decideKind decides from a payload what the connection carries.
func (r *roles) decideKind(s *Session, who int, seg *reassembly.Segment) {
	p := seg.Payload
	if len(p) == 0 {
		return // cut off whole by the snapshot length
	}
	if len(p) >= 3 && p[0] >= 0x14 && p[0] <= 0x17 && p[1] == 3 && p[2] <= 4 {
		s.Kind = TLS
		return
	}
	like := looksLike(p)
	switch {
	case who == RoleClient && (like == likeRequest || p[0] == '*' || p[0] == '\r' || p[0] == '\n'):
		s.Kind = RESP
	case who == RoleServer && (like == likeReply || p[0] == '*'):
		if s.Start == reassembly.MidStream || bytes.HasPrefix(p, []byte("-ERR ")) || bytes.HasPrefix(p, []byte("-DENIED ")) ||
			bytes.HasPrefix(p, []byte("-LOADING ")) || s.AckSeen[RoleServer] > 0 || seg.Ack > 0 {
			s.Kind = RESP
		} else {
			s.Kind = Unparsed // some other protocol whose server sends first
		}
	case s.Start == reassembly.MidStream && s.undecided < undecidedLimit:
		s.undecided++
	case s.Shared.serverPort(s.Server.Port()) && printable(p):
		s.Kind = RESP // inline commands, or what a scanner sends to a Redis port
	default:
		s.Kind = Unparsed
	}
}

func printable(p []byte) bool {
	for _, b := range p {
		if b < ' ' && b != '\r' && b != '\n' && b != '\t' || b >= 0x7f {
			return false
		}
	}
	return true
}

// noRedis reports whether a connection on which only lines were sent turns out to be of another protocol, as its server's first
// bytes are no RESP. Where something is missing before them they may be the inside of a reply.
func noRedis(s *Session) bool {
	return s.ReplyCount == 0 && !s.framed && s.Pushes+s.accepted+s.unsolicit == 0 && s.Start != reassembly.MidStream && !s.SeenHole()
}
