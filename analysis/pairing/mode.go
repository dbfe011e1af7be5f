package pairing

import (
	"strings"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// mode is the protocol state of a connection, as its commands and replies have set it.
type mode struct {
	resp3      bool
	inMulti    bool
	multiIndex int // of the MULTI
	replies    replyState
	silencedBy int // the latest CLIENT REPLY OFF or SKIP
	monitor    monitorState
	debugger   debuggerState
	Ending     endingState
	Subs       int // channels, patterns and shard channels subscribed to, as the server counts them
	kinds      [3]int
}

// Verb is the part of a command's name that modes ask for.
type Verb uint8

const (
	OtherVerb Verb = iota
	VerbQuit
	VerbReset
	verbMulti
	verbExec
	verbDiscard
	verbSubscribe
	verbUnsubscribe
	verbMonitor
	VerbClientReply
	VerbHello
	verbSync
	verbPsync
	verbReplconf
	VerbSelect
	VerbAuth
	verbShutdown
	VerbDebug
	VerbPing
	VerbPublish
	VerbEcho
	verbWatch
	verbScriptDebug
	verbEval
)

// modeRule is a command that changes what is a reply, or what replies mean.
type modeRule struct {
	verb  Verb
	names string // of the commands with spaces between, a subcommand behind a bar: CLIENT|REPLY
	// atOnce takes the command when it is sent. Servers carry it out also inside MULTI.
	atOnce func(m *mode, req *resp.Request, ex *Exchange)
	// sent takes the command when it is sent, unless it is queued.
	sent func(m *mode, req *resp.Request, ex *Exchange)
	// served takes the reply to the command, unless that is +QUEUED.
	served func(s *Session, ex *Exchange, r *resp.Reply)
}

// modeRules is the table of all modes, by verb: a new one is a row here and a file of its own.
var modeRules = [...]modeRule{
	VerbQuit:        {verb: VerbQuit, names: "QUIT", atOnce: sentQuit},
	VerbReset:       {verb: VerbReset, names: "RESET", atOnce: sentReset, served: servedReset},
	verbMulti:       {verb: verbMulti, names: "MULTI", atOnce: sentMulti, served: servedMulti},
	verbExec:        {verb: verbExec, names: "EXEC", atOnce: sentExec, served: servedExec},
	verbDiscard:     {verb: verbDiscard, names: "DISCARD", atOnce: sentExec, served: servedDiscard},
	verbWatch:       {verb: verbWatch, names: "WATCH", atOnce: sentWatch},
	verbSubscribe:   {verb: verbSubscribe, names: "SUBSCRIBE PSUBSCRIBE SSUBSCRIBE", sent: sentSubscribe},
	verbUnsubscribe: {verb: verbUnsubscribe, names: "UNSUBSCRIBE PUNSUBSCRIBE SUNSUBSCRIBE", sent: sentSubscribe},
	verbMonitor:     {verb: verbMonitor, names: "MONITOR", sent: sentMonitor, served: servedMonitor},
	VerbClientReply: {verb: VerbClientReply, names: "CLIENT|REPLY", atOnce: sentClientReply},
	VerbHello:       {verb: VerbHello, names: "HELLO", served: servedHello},
	verbSync:        {verb: verbSync, names: "SYNC"},
	verbPsync:       {verb: verbPsync, names: "PSYNC", served: servedPsync},
	verbReplconf:    {verb: verbReplconf, names: "REPLCONF", sent: sentReplconf},
	verbShutdown:    {verb: verbShutdown, names: "SHUTDOWN", sent: sentShutdown},
	VerbDebug:       {verb: VerbDebug, names: "DEBUG", sent: sentDebug},
	VerbSelect:      {verb: VerbSelect, names: "SELECT", served: servedSelect},
	VerbAuth:        {verb: VerbAuth, names: "AUTH"},
	VerbPing:        {verb: VerbPing, names: "PING"},
	VerbPublish:     {verb: VerbPublish, names: "PUBLISH"},
	VerbEcho:        {verb: VerbEcho, names: "ECHO"},
	verbScriptDebug: {verb: verbScriptDebug, names: "SCRIPT|DEBUG", sent: sentScriptDebug, served: servedScriptDebug},
	verbEval:        {verb: verbEval, names: "EVAL EVALSHA", served: servedEval},
}

// verbsByName has the names of modeRules.
var verbsByName = func() map[string]Verb {
	table := map[string]Verb{}
	for _, r := range modeRules {
		for name := range strings.FieldsSeq(r.names) {
			table[name] = r.verb
		}
	}
	return table
}()

// verbsByID maps Command.ID to the verb, because a look-up by name for each command costs a twentieth of all time.
var verbsByID = func() (table [commands.CommandIDs]Verb) {
	for name, v := range verbsByName {
		req := resp.Request{}
		for word := range strings.SplitSeq(name, "|") {
			req.Args = append(req.Args, resp.Arg{Bytes: []byte(word), Len: len(word)})
		}
		req.NArgs = len(req.Args)
		if id := commands.Lookup(&req).ID(); id > 0 {
			table[id] = v
		}
	}
	return table
}()

// ordinary has, by Command.ID, the commands that no mode asks for and that never block.
var ordinary = func() (table [commands.CommandIDs]bool) {
	for c := range commands.Commands() {
		table[c.ID()] = verbsByID[c.ID()] == OtherVerb && !c.MayBlock()
	}
	return table
}()

// verbOf classifies a request.
func verbOf(cmd *commands.Command, req *resp.Request) Verb {
	if id := cmd.ID(); id > 0 {
		return verbsByID[id]
	}
	name := req.Name()
	if len(name) > len("PUNSUBSCRIBE") {
		return OtherVerb
	}
	return verbsByName[strings.ToUpper(string(name))]
}

// request moves the mode by a command, and sets what replies the command is due.
func (m *mode) request(v Verb, req *resp.Request, ex *Exchange) {
	if m.Ending == QuitSent {
		ex.Flags |= NoReplyDue | AfterQuit
	}
	switch {
	case m.Ending == refused || m.replies == repliesOff || m.debugger == debuggerEnded:
		ex.Flags |= NoReplyDue
	case m.replies == repliesSkipNext:
		ex.Flags |= NoReplyDue
		m.replies = repliesOn
	}
	if m.inMulti {
		ex.Flags |= Queued
	}
	ex.due = 1
	r := &modeRules[v]
	if r.atOnce != nil {
		r.atOnce(m, req, ex)
	}
	if r.sent != nil && ex.Flags&Queued == 0 {
		r.sent(m, req, ex)
	}
}

// answered moves the mode by a reply.
func (m *mode) answered(s *Session, ex *Exchange, r *resp.Reply) {
	if s.blockUnknown {
		inherited(s, ex, r)
	}
	if ex.Flags&Queued != 0 {
		s.Block.answered(s, ex, r)
	} else if served := modeRules[ex.Verb].served; served != nil {
		served(s, ex, r)
	}
	s.Mode.debugger.answered(r, s.Start == reassembly.MidStream)
}

// outOfBand reports whether a reply consumes none of the pending commands: a push, a message to a RESP2 subscriber, a
// MONITOR line, the result of a script behind the session that debugged it.
func (m *mode) outOfBand(r *resp.Reply, pending int) bool {
	switch {
	case m.debugger.resultDue(pending):
		return true
	case r.Kind == resp.Push:
		return !isConfirmation(r)
	case m.monitor >= monitorOn && r.Kind == resp.Simple:
		return resp.IsMonitorLine(r.Text)
	}
	return m.Subs > 0 && !m.resp3 && isMessage(r)
}

// allowsAnyway knows the replies that a mode adds to those of the command.
func (m *mode) allowsAnyway(ex *Exchange, r *resp.Reply) bool {
	if ex.Flags&Queued != 0 && r.Kind == resp.Simple && string(r.Text) == "QUEUED" {
		return true
	}
	if ex.Flags&Subscribing != 0 && isConfirmation(r) {
		return true
	}
	return m.Subs > 0 && ex.Verb == VerbPing && r.Kind == resp.Array
}
