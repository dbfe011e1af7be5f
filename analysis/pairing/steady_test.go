package pairing

import (
	"reflect"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// TestOrdinaryCommandsChangeNoMode sends each command that Session.Wrote does not examine on a steady connection.
func TestOrdinaryCommandsChangeNoMode(t *testing.T) {
	tried := 0
	for c := range commands.Commands() {
		if !ordinary[c.ID()] {
			continue
		}
		req := &resp.Request{NArgs: 9}
		for range req.NArgs {
			req.Args = append(req.Args, resp.Arg{Bytes: []byte("1"), Len: 1})
		}
		req.Last = req.Args[8]
		ex, m := Exchange{Request: Request{Command: c}}, mode{}
		m.request(verbOf(c, req), req, &ex)
		if _, blocks := c.BlockTimeout(req); blocks || m != (mode{}) || ex.Flags != 0 || ex.due != 1 || verbOf(c, req) != OtherVerb {
			t.Errorf("%s: blocks %v, mode %+v, flags %b, %d replies due", c, blocks, m, ex.Flags, ex.due)
		}
		tried++
	}
	if tried < 200 {
		t.Errorf("only %d commands are ordinary", tried)
	}
}

// TestResetForgetsTheCommandBefore resets a record in which everything is set: only what Session.Wrote sets itself, and the
// bytes of texts, may be left.
func TestResetForgetsTheCommandBefore(t *testing.T) {
	var ex Exchange
	fill(reflect.ValueOf(&ex).Elem())
	ex.reset()
	own := Exchange{Session: ex.Session, Index: ex.Index, Place: ex.Place, Outstanding: ex.Outstanding, Batch: ex.Batch}
	own.Call, own.Command, own.argc, own.facts = ex.Call, ex.Command, ex.argc, ex.facts
	own.Name, own.Key, own.Serves.Text = ex.Name, ex.Key, ex.Serves.Text
	own.Name.Clear()
	own.Key.Clear()
	own.Serves.Text.Clear()
	if !reflect.DeepEqual(ex, own) {
		t.Errorf("left:\n%+v\nwanted:\n%+v", ex, own)
	}
}

// fill sets every number, bool and string below v, unexported ones too.
func fill(v reflect.Value) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem()
	switch {
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i))
		}
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i))
		}
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("x")
	}
}

// noted is a Sink that remembers what it was called with last.
type noted struct {
	Sink
	served *Exchange
	oddity *Oddity
}

func (n *noted) Served(ex *Exchange, _ *resp.Reply) { n.served = ex }
func (n *noted) Oddity(o *Oddity)                   { n.oddity = o }

// steadySession has one GET pending.
func steadySession(sink Sink) (*Session, *Exchange) {
	s := &Session{Shared: NewShared(nil, false, &bound.Set{}), Sink: sink}
	s.Kind, s.described, s.ReplyCount = RESP, true, 1
	s.settle()
	ex := &Exchange{Session: s, Index: 1, Place: Place{End: 20}, Due: Due{due: 1}, Refs: 2}
	ex.Command, _, _ = commands.Describe(&resp.Request{NArgs: 2, Args: []resp.Arg{{Bytes: []byte("GET"), Len: 3}, {Bytes: []byte("k"), Len: 1}}}, &ex.Call)
	s.Pending.Push(ex)
	return s, ex
}

// TestReplyReturnsEarly gives the reply to GET to a steady session, and to one that differs in one thing.
func TestReplyReturnsEarly(t *testing.T) {
	for name, tc := range map[string]struct {
		change          func(s *Session, ex *Exchange, r *resp.Reply)
		served, settled bool // settled: still steady, because nothing was looked at
	}{
		"plain":                  {func(*Session, *Exchange, *resp.Reply) {}, true, true},
		"before it was received": {func(_ *Session, ex *Exchange, _ *resp.Reply) { ex.End = 21 }, false, false},
		"of another verb":        {func(_ *Session, ex *Exchange, _ *resp.Reply) { ex.Verb = VerbPing }, true, false},
		"queued":                 {func(_ *Session, ex *Exchange, _ *resp.Reply) { ex.Flags = Queued }, true, false},
		"begun before":           {func(s *Session, _ *Exchange, _ *resp.Reply) { s.partial = replyProgress{started: true, k: 20} }, true, false},
		"an error":               {func(_ *Session, _ *Exchange, r *resp.Reply) { r.Kind, r.Text = resp.Error, []byte("ERR x") }, true, false},
		"an integer":             {func(_ *Session, _ *Exchange, r *resp.Reply) { r.Kind = resp.Integer }, false, false},
		"not steady":             {func(s *Session, _ *Exchange, _ *resp.Reply) { s.steady = false }, true, false},
		"nothing pending":        {func(s *Session, _ *Exchange, _ *resp.Reply) { s.Pending.Pop() }, false, false},
	} {
		sink := &noted{}
		s, ex := steadySession(sink)
		r := &resp.Reply{Kind: resp.Bulk, Text: []byte("v"), N: 1, End: 7}
		tc.change(s, ex, r)
		s.reply(r, &reassembly.Segment{Ack: 20, Time: 5, Length: 7})
		if (sink.served == ex) != tc.served || s.steady != tc.settled {
			t.Errorf("%s: served %v, steady %v, %+v", name, sink.served == ex, s.steady, sink.oddity)
		}
		if tc.served && (ex.Serves.End != 7 || !ex.Served || ex.due != 0 || s.ReplyCount != 2 || s.Pending.Len() != 0 || ex.Refs != 1) {
			t.Errorf("%s: %+v", name, ex)
		}
	}
}

// TestSettle takes back one by one what a steady session needs.
func TestSettle(t *testing.T) {
	if s, _ := steadySession(nil); !s.steady {
		t.Fatal("the session is not steady")
	}
	for i, change := range []func(s *Session){
		func(s *Session) { s.Kind = PubSub },
		func(s *Session) { s.open = &unresolved{} },
		func(s *Session) { s.described = false },
		func(s *Session) { s.ReplyCount = 0 },
		func(s *Session) { s.badRequests = 1 },
		func(s *Session) { s.holes = true },
		func(s *Session) { s.unsureMode = true },
		func(s *Session) { s.Shared.ShowValues = true },
		func(s *Session) { s.Mode.inMulti = true },
		func(s *Session) { s.Mode.replies = repliesSkipNext },
		func(s *Session) { s.Mode.monitor = monitorAsked },
		func(s *Session) { s.Mode.debugger = debuggerArmed },
		func(s *Session) { s.Mode.Ending = QuitSent },
		func(s *Session) { s.Mode.Subs = 1 },
	} {
		s, _ := steadySession(nil)
		change(s)
		if s.settle(); s.steady {
			t.Errorf("change %d leaves the session steady", i)
		}
	}
}
