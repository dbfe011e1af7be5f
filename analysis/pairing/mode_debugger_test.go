package pairing

import (
	"testing"

	"github.com/respsniff/respsniff/resp"
)

// TestDebuggerSession: the session opens at EVAL's array, ends at <endsession>, and only then is a result due while
// commands are pending.
func TestDebuggerSession(t *testing.T) {
	array := func(lines ...string) *resp.Reply {
		r := &resp.Reply{Kind: resp.Array, N: int64(len(lines))}
		for _, l := range lines {
			r.Elems = append(r.Elems, resp.Elem{Kind: resp.Simple, Text: []byte(l)})
		}
		return r
	}
	s := &Session{}
	d := &s.Mode.debugger
	servedScriptDebug(s, &Exchange{Request: Request{armsDebugger: true}}, &resp.Reply{Kind: resp.Error})
	if servedEval(s, nil, array("a line")); *d != debuggerOff {
		t.Errorf("state %d after a refused SCRIPT DEBUG", *d)
	}
	servedScriptDebug(s, &Exchange{Request: Request{armsDebugger: true}}, &resp.Reply{Kind: resp.Simple})
	servedEval(s, nil, array("* Stopped at 1"))
	for _, step := range []struct {
		reply   *resp.Reply
		pending int
		due     bool
	}{
		{array("<value> 40"), 1, false},
		{array("<value> 40"), 0, true},
		{array("<redis> *1", "<endsession>"), 1, true},
	} {
		d.answered(step.reply, false)
		if due := d.resultDue(step.pending); due != step.due {
			t.Errorf("%s with %d pending: result due %v", step.reply.Elems[0].Text, step.pending, due)
		}
	}
	servedScriptDebug(s, &Exchange{}, &resp.Reply{Kind: resp.Simple})
	if *d != debuggerOff {
		t.Errorf("state %d after SCRIPT DEBUG NO", *d)
	}
}
