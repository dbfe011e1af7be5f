package analysis

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// mode is the protocol state of a connection, as its commands and replies have set it.
type mode struct {
	resp3      bool
	inMulti    bool
	replyOff   bool
	replySkip  bool // the next command gets no reply
	quit       bool // QUIT was sent: nothing behind it is answered
	monitor    bool // its MONITOR was answered
	monitoring bool // MONITOR was sent: a second one gets no reply
	broken     bool // the client sent what is no request, and the server said so: it closes
	syncing    bool // PSYNC was sent
	subs       int  // channels, patterns and shard channels subscribed to, as the server counts them
	kinds      [3]int
	multiIndex int
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
	verbPublish
	verbEcho
	verbWatch
)

var verbs = map[string]verb{
	"QUIT": verbQuit, "RESET": verbReset, "MULTI": verbMulti, "EXEC": verbExec, "DISCARD": verbDiscard,
	"SUBSCRIBE": verbSubscribe, "PSUBSCRIBE": verbSubscribe, "SSUBSCRIBE": verbSubscribe,
	"UNSUBSCRIBE": verbUnsubscribe, "PUNSUBSCRIBE": verbUnsubscribe, "SUNSUBSCRIBE": verbUnsubscribe,
	"MONITOR": verbMonitor, "HELLO": verbHello, "SYNC": verbSync, "PSYNC": verbPsync, "REPLCONF": verbReplconf,
	"SELECT": verbSelect, "AUTH": verbAuth, "SHUTDOWN": verbShutdown, "DEBUG": verbDebug, "PING": verbPing, "PUBLISH": verbPublish,
	"ECHO": verbEcho, "WATCH": verbWatch,
}

// verbsByID maps Command.ID to the verb, because a look-up by name for each command costs a twentieth of all time.
var verbsByID = func() (table [commands.CommandIDs]verb) {
	for name, v := range verbs {
		req := resp.Request{NArgs: 1, Args: []resp.Arg{{Bytes: []byte(name), Len: len(name)}}}
		if id := commands.Lookup(&req).ID(); id > 0 {
			table[id] = v
		}
	}
	return table
}()

// verbOf classifies a request.
func verbOf(cmd *commands.Command, req *resp.Request) verb {
	if id := cmd.ID(); id > 0 {
		if v := verbsByID[id]; v != otherVerb {
			return v
		}
		if cmd.Name == "CLIENT|REPLY" && len(req.Args) == 3 {
			return verbClientReply
		}
		return otherVerb
	}
	name := req.Name()
	if len(name) > len("PUNSUBSCRIBE") {
		return otherVerb
	}
	return verbs[strings.ToUpper(string(name))]
}

// request moves the mode by a command, and says what reply the command is due.
func (m *mode) request(v verb, req *resp.Request, ex *Exchange) {
	if m.quit {
		ex.Flags |= NoReplyDue | AfterQuit
	}
	if m.replyOff || m.broken {
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
	m.told(v, req, ex)
	if ex.Flags&Queued != 0 {
		return
	}
	switch v {
	case verbSubscribe:
		ex.Flags |= Subscribing
		ex.due = max(req.NArgs-1, 1)
	case verbUnsubscribe:
		ex.Flags |= Subscribing
		ex.due = max(req.NArgs-1, 1) // without arguments: one for each channel, at least one
	case verbMonitor:
		if m.monitoring {
			ex.Flags |= NoReplyDue // Redis ignores the second one without a word
		}
		m.monitoring = true
	case verbReplconf:
		if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("ACK")) {
			ex.Flags |= NoReplyDue | NotAwaited
		}
	case verbDebug:
		if len(req.Args) > 1 && bytes.EqualFold(req.Args[1].Bytes, []byte("SLEEP")) {
			ex.Flags |= Blocks
		}
	case verbShutdown:
		ex.Flags |= NotAwaited // no reply on success
	case verbPsync:
		m.syncing = true
	}
}

// told moves the mode by a command that the server carries out at once, also inside MULTI, or that is remembered there.
func (m *mode) told(v verb, req *resp.Request, ex *Exchange) {
	switch v {
	case verbQuit:
		m.quit = true
		ex.Flags = ex.Flags&^Queued | NotAwaited
	case verbReset:
		// What replies mean changes with the +RESET, what commands mean now.
		m.inMulti, m.replyOff, m.replySkip, m.monitoring = false, false, false, false
		ex.Flags = ex.Flags&^NoReplyDue&^Queued | NotAwaited
	case verbMulti:
		ex.Flags &^= Queued
		if !m.inMulti {
			m.inMulti, m.multiIndex = true, ex.Index
		}
	case verbWatch:
		ex.Flags &^= Queued
	case verbExec, verbDiscard:
		ex.Flags &^= Queued
		m.inMulti = false
	case verbClientReply:
		m.clientReply(req.Args[2].Bytes, ex)
	}
}

// clientReply takes CLIENT REPLY. Inside MULTI it is queued, and what it says counts from EXEC on.
func (m *mode) clientReply(arg []byte, ex *Exchange) {
	switch {
	case bytes.EqualFold(arg, []byte("OFF")):
		ex.replyMode = replyNowOff
	case bytes.EqualFold(arg, []byte("SKIP")):
		ex.replyMode = replySkipNext
	case bytes.EqualFold(arg, []byte("ON")):
		ex.replyMode = replyNowOn
	}
	if ex.Flags&Queued == 0 {
		m.replyAs(ex.replyMode, ex)
	}
}

func (m *mode) replyAs(mode replyEffect, ex *Exchange) {
	switch mode {
	case replyNowOff:
		m.replyOff = true
		ex.Flags |= NoReplyDue
	case replySkipNext:
		ex.Flags |= NoReplyDue
		m.replySkip = !m.replyOff
	case replyNowOn:
		m.replyOff = false
		if !m.quit {
			ex.Flags &^= NoReplyDue
		}
	}
}

// outOfBand reports whether a reply consumes no command: a push, a message to a RESP2 subscriber, a MONITOR line.
func (m *mode) outOfBand(r *resp.Reply) bool {
	switch {
	case r.Kind == resp.Push:
		return !isConfirmation(r)
	case m.monitor && r.Kind == resp.Simple:
		return monitorLine(r.Text)
	}
	return m.subs > 0 && !m.resp3 && isMessage(r)
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

// isConfirmation recognises the reply that SUBSCRIBE and its family give for each channel. An array of another command
// may look the same: only the command whose turn it is tells.
func isConfirmation(r *resp.Reply) bool { return confirmation(r) >= 0 }

// isMessage recognises what a RESP2 subscriber gets.
func isMessage(r *resp.Reply) bool {
	if r.Kind != resp.Array || len(r.Elems) < 3 || r.N > 4 {
		return false
	}
	switch string(r.Elems[0].Text) {
	case "message", "pmessage", "smessage":
		return r.Elems[0].Kind == resp.Bulk
	}
	return false
}

// confirmation returns 0 for channels, 1 for patterns, 2 for shard channels, plus 3 where it ends a subscription, and
// -1 for anything else.
func confirmation(r *resp.Reply) int {
	if len(r.Elems) != 3 || r.Kind != resp.Push && r.Kind != resp.Array || r.Elems[0].Kind != resp.Bulk || r.Elems[2].Kind != resp.Integer {
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
	// The count of what is left is of channels and patterns together, and does not change where the client subscribes
	// again, or unsubscribes from what it had not subscribed to.
	same := kind%3 != 2 && m.subs == m.kinds[0]+m.kinds[1] || kind%3 == 2 && m.subs == m.kinds[2]
	switch {
	case same:
	case kind < 3:
		m.kinds[kind]++
	case m.kinds[kind-3] > 0:
		m.kinds[kind-3]--
	}
	if kind%3 == 2 {
		m.kinds[2] = m.subs
		m.subs += m.kinds[0] + m.kinds[1]
	} else {
		m.subs += m.kinds[2]
	}
}
