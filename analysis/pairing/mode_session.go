package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

// endingState is why the server reads nothing more.
type endingState uint8

const (
	notEnding endingState = iota
	QuitSent              // QUIT was sent: nothing behind it is answered
	refused               // the client sent what is no request, and the server answered with a protocol error: it closes
)

func sentQuit(m *mode, _ *resp.Request, ex *Exchange) {
	m.Ending = QuitSent
	ex.Flags = ex.Flags&^Queued | NotAwaited
}

// sentReset: what replies mean changes with the +RESET, what commands mean now.
func sentReset(m *mode, _ *resp.Request, ex *Exchange) {
	m.inMulti, m.replies = false, repliesOn
	switch m.monitor {
	case monitorAsked:
		m.monitor = monitorOff
	case monitorOn:
		m.monitor = monitorEnding
	}
	ex.Flags = ex.Flags&^NoReplyDue&^Queued | NotAwaited
}

func servedReset(s *Session, _ *Exchange, r *resp.Reply) {
	if r.Kind == resp.Error {
		return
	}
	m := &s.Mode
	m.resp3, m.Subs, m.kinds = false, 0, [3]int{}
	if m.monitor != monitorAsked { // a MONITOR behind the RESET
		m.monitor = monitorOff
	}
	s.Block.end()
}

func servedSelect(s *Session, _ *Exchange, r *resp.Reply) {
	if r.Kind == resp.Error {
		s.db.Refused()
	}
}

// sentShutdown: there is no reply on success.
func sentShutdown(_ *mode, _ *resp.Request, ex *Exchange) { ex.Flags |= NotAwaited }

func sentDebug(_ *mode, req *resp.Request, ex *Exchange) {
	if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("SLEEP")) {
		ex.Flags |= Blocks
	}
}

// protocol is the version of RESP that a HELLO asks for.
type protocol uint8

const (
	sameProtocol protocol = iota // HELLO without a version keeps the connection's (src/networking.c, helloCommand)
	protocol2
	protocol3
)

func protocolAsked(req *resp.Request) protocol {
	switch {
	case len(req.Args) < 2:
		return sameProtocol
	case string(req.Args[1].Bytes) == "3":
		return protocol3
	}
	return protocol2
}

// switchTo moves the mode to the protocol that a HELLO asked for.
func (m *mode) switchTo(p protocol) {
	if p != sameProtocol {
		m.resp3 = p == protocol3
	}
}

func servedHello(s *Session, ex *Exchange, r *resp.Reply) {
	if r.Kind != resp.Error {
		s.Mode.switchTo(ex.hello)
	}
}
