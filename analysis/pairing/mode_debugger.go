package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

// debuggerState is where a connection stands with Redis' Lua debugger (src/eval.c, ldbStartSession to ldbEndSession).
// After SCRIPT DEBUG YES or SYNC the next EVAL opens a session: EVAL and each command of the debugger are answered by an
// array of status lines. The last array ends with <endsession>; the result of the script follows, which answers the EVAL
// a second time, and the server closes the connection.
type debuggerState uint8

const (
	debuggerOff debuggerState = iota
	debuggerArmed
	debuggerOpen
	debuggerEnded
)

// sentScriptDebug marks the command that may arm the debugger; the reply decides.
func sentScriptDebug(_ *mode, req *resp.Request, ex *Exchange) {
	ex.armsDebugger = len(req.Args) == 3 && !bytes.EqualFold(req.Args[2].Bytes, []byte("NO"))
}

func servedScriptDebug(s *Session, ex *Exchange, r *resp.Reply) {
	switch d := &s.Mode.debugger; {
	case r.Kind == resp.Error:
	case ex.armsDebugger:
		*d = debuggerArmed
	default:
		*d = debuggerOff
	}
}

// servedEval opens the session at the first array of status lines.
func servedEval(s *Session, _ *Exchange, r *resp.Reply) {
	if s.Mode.debugger == debuggerArmed && r.Kind == resp.Array {
		s.Mode.debugger = debuggerOpen
	}
}

// answered takes each reply to a command, and ends the session at its last line. It may have begun before the capture.
func (d *debuggerState) answered(r *resp.Reply, inherited bool) {
	if *d != debuggerOpen && !inherited || r.Kind != resp.Array || len(r.Elems) == 0 || int64(len(r.Elems)) < r.N {
		return
	}
	if last := r.Elems[len(r.Elems)-1]; last.Kind == resp.Simple && string(last.Text) == "<endsession>" {
		*d = debuggerEnded
	}
}

// resultDue reports whether the next reply is the result of the debugged script. The end of a session may not have been
// seen, where its last array is longer than a decoder stores: there a reply without a pending command counts as the result.
func (d *debuggerState) resultDue(pending int) bool {
	return *d == debuggerEnded || *d == debuggerOpen && pending == 0
}
