package analysis

import (
	"bytes"
	"strconv"

	"github.com/respsniff/respsniff/resp"
)

// mode is the protocol state of a connection, as its commands and replies have set it.
type mode struct {
	resp3      bool
	inMulti    bool
	replyOff   bool
	replySkip  bool // the next command gets no reply
	quit       bool // QUIT was sent: nothing behind it is answered
	monitor    bool
	syncing    bool // PSYNC was sent
	subs       int  // channels, patterns and shard channels subscribed to, as the server counts them
	kinds      [3]int
	database   int
	queued     int // commands queued since MULTI
	multiIndex int
}

// verb is the part of a command's name that modes ask for.
type verb uint8

const (
	otherVerb verb = iota
	verbQuit
	verbReset
	verbMulti
	verbExec
	verbDiscard
	verbSubscribe
	verbUnsubscribe
	verbMonitor
	verbClientReply
	verbHello
	verbSync
	verbPsync
	verbReplconf
	verbSelect
	verbAuth
	verbShutdown
	verbDebug
	verbPing
)

var verbs = map[string]verb{
	"QUIT": verbQuit, "RESET": verbReset, "MULTI": verbMulti, "EXEC": verbExec, "DISCARD": verbDiscard,
	"SUBSCRIBE": verbSubscribe, "PSUBSCRIBE": verbSubscribe, "SSUBSCRIBE": verbSubscribe,
	"UNSUBSCRIBE": verbUnsubscribe, "PUNSUBSCRIBE": verbUnsubscribe, "SUNSUBSCRIBE": verbUnsubscribe,
	"MONITOR": verbMonitor, "HELLO": verbHello, "SYNC": verbSync, "PSYNC": verbPsync, "REPLCONF": verbReplconf,
	"SELECT": verbSelect, "AUTH": verbAuth, "SHUTDOWN": verbShutdown, "DEBUG": verbDebug, "PING": verbPing,
}

// verbOf classifies a request by its first words.
func verbOf(req *resp.Request) verb {
	if len(req.Args) == 0 {
		return otherVerb
	}
	var up [16]byte
	name := req.Args[0].Bytes
	if len(name) > len(up) {
		return otherVerb
	}
	for i, b := range name {
		if b >= 'a' && b <= 'z' {
			b -= 'a' - 'A'
		}
		up[i] = b
	}
	if v, ok := verbs[string(up[:len(name)])]; ok {
		return v
	}
	if string(up[:len(name)]) == "CLIENT" && len(req.Args) == 3 && bytes.EqualFold(req.Args[1].Bytes, []byte("REPLY")) {
		return verbClientReply
	}
	return otherVerb
}

// request moves the mode by a command, and says what reply the command is due.
func (m *mode) request(v verb, req *resp.Request, ex *Exchange) {
	if m.quit {
		ex.Flags |= NoReplyDue | AfterQuit
	}
	if m.replyOff {
		ex.Flags |= NoReplyDue
	}
	if m.replySkip {
		ex.Flags |= NoReplyDue
		m.replySkip = false
	}
	if m.inMulti {
		ex.Flags |= Queued
	}
	ex.due = 1
	switch v {
	case verbQuit:
		m.quit = true
		ex.Flags |= NotAwaited
	case verbReset:
		*m = mode{}
		ex.Flags = ex.Flags&^NoReplyDue&^Queued | NotAwaited
	case verbMulti:
		if !m.inMulti {
			ex.Flags &^= Queued
			m.inMulti, m.queued, m.multiIndex = true, 0, ex.Index
		}
	case verbExec, verbDiscard:
		ex.Flags &^= Queued
		m.inMulti = false
	case verbSubscribe, verbUnsubscribe:
		ex.Flags |= Subscribing
		ex.due = max(req.NArgs-1, 0)
	case verbClientReply:
		switch arg := req.Args[2].Bytes; {
		case bytes.EqualFold(arg, []byte("OFF")):
			m.replyOff = true
			ex.Flags |= NoReplyDue
		case bytes.EqualFold(arg, []byte("SKIP")):
			ex.Flags |= NoReplyDue
			m.replySkip = !m.replyOff
		case bytes.EqualFold(arg, []byte("ON")):
			m.replyOff = false
			ex.Flags &^= NoReplyDue
		}
	case verbReplconf:
		if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("ACK")) {
			ex.Flags |= NoReplyDue | NotAwaited
		}
	case verbDebug:
		if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("SLEEP")) {
			ex.Flags |= Blocks
		}
	case verbPsync:
		m.syncing = true
	}
	if ex.Flags&Queued != 0 {
		m.queued++
	}
}

// outOfBand reports whether a reply consumes no command: a push, a message to a RESP2 subscriber, a MONITOR line.
func (m *mode) outOfBand(r *resp.Reply) bool {
	switch {
	case r.Kind == resp.Push:
		return !isConfirmation(r)
	case m.monitor && r.Kind == resp.Simple:
		return monitorLine(r.Text)
	case r.Kind == resp.Array && len(r.Elems) >= 3 && m.subs > 0 && !m.resp3:
		switch string(r.Elems[0].Text) {
		case "message", "pmessage", "smessage":
			return true
		}
	}
	return false
}

// monitorLine recognises the status lines that MONITOR sends: +1339518083.107412 [0 127.0.0.1:60866] "keys" "*"
func monitorLine(text []byte) bool {
	i := bytes.IndexByte(text, ' ')
	if i < 3 || i+1 >= len(text) || text[i+1] != '[' {
		return false
	}
	_, err := strconv.ParseFloat(string(text[:i]), 64)
	return err == nil
}

// isConfirmation recognises the reply that SUBSCRIBE and its family give for each channel.
func isConfirmation(r *resp.Reply) bool { return confirmation(r) >= 0 }

// confirmation returns 0 for channels, 1 for patterns, 2 for shard channels, plus 3 where it ends a subscription, and
// -1 for anything else.
func confirmation(r *resp.Reply) int {
	if len(r.Elems) < 3 || r.Kind != resp.Push && r.Kind != resp.Array {
		return -1
	}
	switch string(r.Elems[0].Text) {
	case "subscribe":
		return 0
	case "psubscribe":
		return 1
	case "ssubscribe":
		return 2
	case "unsubscribe":
		return 3
	case "punsubscribe":
		return 4
	case "sunsubscribe":
		return 5
	}
	return -1
}

// confirm moves the subscription counts by a confirmation. The third element counts channels and patterns together,
// and shard channels by themselves.
func (m *mode) confirm(r *resp.Reply) {
	kind := confirmation(r)
	m.subs = int(max(r.Elems[2].N, 0))
	if kind < 3 {
		m.kinds[kind]++
	} else if m.kinds[kind-3] > 0 {
		m.kinds[kind-3]--
	}
	if kind%3 == 2 {
		m.kinds[2] = m.subs
		m.subs += m.kinds[0] + m.kinds[1]
	} else {
		m.subs += m.kinds[2]
	}
}
