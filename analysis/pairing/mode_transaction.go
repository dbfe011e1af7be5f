package pairing

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// ExecView is the element of EXEC's array that answers a queued command.
type ExecView struct {
	Element int       // from 1; 0: none, the transaction was not executed or its end is not known yet
	Kind    resp.Kind // of the element
	N       int64     // as resp.Reply.N
}

// MaxQueued is how many commands of a transaction are tied to their elements; a decoder keeps no more of an array.
const MaxQueued = resp.MaxElems

// transaction is the MULTI block that the server queues.
type transaction struct {
	Open   bool // MULTI was answered OK
	whole  bool // and no reply of the block was uncertain
	multi  int  // number of the MULTI
	Queued int  // commands answered QUEUED
	calls  []queuedCall
	reply  replyEffect
	failed bool // a command of it was refused: EXEC will be aborted
}

type queuedCall struct {
	call  commands.Call
	index int
	auth  bool
	hello protocol
	// replies is how many it is answered by: (UN)SUBSCRIBE has one for each channel.
	replies int
}

// spill is replies behind EXEC's array that are due to a queued command. The array announces one element for each command, and
// (UN)SUBSCRIBE of several channels writes one for each channel (redis/redis#12207): as many others come behind its end.
type spill struct {
	index         int
	element, last int // where they would stand in the array, counted from 1
}

// begin opens the block at the OK of its MULTI.
func (t *transaction) begin(multi int, sure bool) {
	*t = transaction{Open: true, whole: sure, multi: multi, calls: t.calls[:0]}
}

func (t *transaction) end() { *t = transaction{calls: t.calls[:0]} }

// queue takes a QUEUED.
func (t *transaction) queue(ex *Exchange) {
	t.Queued++
	if len(t.calls) < MaxQueued {
		ex.locate() // an element may be a redirect
		t.calls = append(t.calls, queuedCall{ex.Call, ex.Index, ex.Verb == VerbAuth || ex.Verb == VerbHello, ex.hello, repliesQueued(ex)})
	}
	switch ex.replyMode {
	case replyAsBefore:
	case replySkipNext:
		if t.reply != replyNowOff {
			t.reply = replySkipNext
		}
	default:
		t.reply = ex.replyMode
	}
	if ex.Flags&Uncertain != 0 {
		t.whole = false
	}
}

func repliesQueued(ex *Exchange) int {
	if v := ex.Verb; v == verbSubscribe || v == verbUnsubscribe {
		return max(1, ex.argc-1)
	}
	return 1
}

// spills reports whether the array of EXEC holds confirmations where other commands' replies are due, and as many replies
// come behind it.
func (t *transaction) spills(r *resp.Reply) bool {
	at, odd := 0, false
	for i, q := range t.calls {
		for range q.replies {
			if at >= len(r.Elems) {
				return odd
			}
			if q.replies > 1 && (r.Elems[at].Kind != resp.Array || r.Elems[at].N != 3) {
				return false
			}
			odd = odd || at != i
			at++
		}
	}
	return false
}

// shortens reports whether the block holds a command that makes servers write a short array: CLIENT REPLY OFF or SKIP,
// or an AUTH.
func (t *transaction) shortens() bool {
	if t.reply != replyAsBefore {
		return true
	}
	for _, q := range t.calls {
		if q.auth {
			return true
		}
	}
	return false
}

// executed takes the array of EXEC: it ties the elements to the queued commands that are still in the session's log,
// and returns why an element cannot answer its command, if one cannot.
func (t *transaction) executed(s *Session, exec *Exchange, r *resp.Reply) (element int, why string) {
	if r.Kind != resp.Array {
		return 0, ""
	}
	exec.Exec = ExecView{0, r.Kind, r.N}
	if !t.Open || r.Abandoned || exec.Flags&Uncertain != 0 {
		return 0, ""
	}
	several, next := t.spills(r), 0
	for _, q := range t.calls {
		i := next
		if next++; several {
			next += q.replies - 1
			if first := max(i, int(r.N)); first < next {
				s.spilled = append(s.spilled, spill{q.index, first + 1, next})
			}
		}
		if i >= len(r.Elems) {
			continue
		}
		e := &r.Elems[i]
		if ex := s.queues.logged(s, q.index); ex != nil {
			ex.Exec = ExecView{i + 1, e.Kind, e.N}
		}
		if e.Kind != resp.Error {
			s.Mode.switchTo(q.hello)
		}
		if why != "" || !t.whole || r.PushInside {
			continue
		}
		value := resp.Reply{Kind: e.Kind, Marker: e.Marker, N: e.N, Text: e.Text}
		if ok, reason := q.call.Allows(&value); !ok {
			element, why = i+1, fmt.Sprintf("element %d answers command %d: %s", i+1, q.index, reason)
		}
	}
	return element, why
}

// takeSpilled takes a reply behind the array of EXEC that one of its commands is due.
func takeSpilled(s *Session, r *resp.Reply, info *ReplyInfo) {
	x := s.spilled[0]
	if s.spilled[0].element++; x.element == x.last {
		s.spilled = s.spilled[1:]
	}
	if ex := s.queues.logged(s, x.index); ex != nil && ex.Exec.Element == 0 {
		ex.Exec = ExecView{x.element, r.Kind, r.N}
	}
	if isConfirmation(r) {
		s.Mode.confirm(r)
	}
	s.unsolicit++
	reportOddity(s, &Oddity{Session: s, What: Unsolicited, Reply: r, Info: info, Exchange: s.lastServed(), Spilled: x.index})
}

// staleIdle is the pause after which a liveness probe in a mode that forbids it comes from a new user of the connection.
const staleIdle = 100 * time.Millisecond

// watchProbe reports the next user of a connection that was returned to its pool inside MULTI: pools probe what
// they hand out, and nobody probes inside a transaction of its own.
func (t *transaction) watchProbe(s *Session, ex *Exchange) {
	if ex.Verb == VerbPing && ex.idle >= staleIdle {
		info := ex.Serves
		reportOddity(s, &Oddity{Session: s, What: StaleMode, Info: &info, Exchange: ex, Gap: ex.idle, Text: "a transaction"})
	}
}

// logged returns a command that has not been settled yet, or nil.
func (q *queues) logged(s *Session, index int) *Exchange {
	if s.Log.Len() == 0 {
		return nil
	}
	i := index - s.Log.Front().Index
	if i < 0 || i >= s.Log.Len() || s.Log.At(i).Index != index {
		return nil
	}
	return s.Log.At(i)
}

func sentMulti(m *mode, _ *resp.Request, ex *Exchange) {
	ex.Flags &^= Queued
	if !m.inMulti {
		m.inMulti, m.multiIndex = true, ex.Index
	}
}

func sentExec(m *mode, _ *resp.Request, ex *Exchange) {
	ex.Flags &^= Queued
	m.inMulti = false
}

func sentWatch(_ *mode, _ *resp.Request, ex *Exchange) { ex.Flags &^= Queued }

func servedMulti(s *Session, ex *Exchange, r *resp.Reply) {
	switch {
	case r.Kind != resp.Error:
		s.Block.begin(ex.Index, ex.Flags&Uncertain == 0)
	case ex.Index == s.Mode.multiIndex && !s.Block.Open:
		s.Mode.inMulti = false
	}
}

func servedDiscard(s *Session, _ *Exchange, r *resp.Reply) {
	if r.Kind != resp.Error {
		s.Block.end()
	}
}

// answered takes the reply to a command of the block.
func (t *transaction) answered(s *Session, ex *Exchange, r *resp.Reply) {
	switch {
	case r.Kind == resp.Simple && string(r.Text) == "QUEUED":
		t.queue(ex)
		t.watchProbe(s, ex)
	case r.Kind == resp.Error:
		t.failed = true
	}
}

// servedExec ends a transaction by the reply to its EXEC.
func servedExec(s *Session, ex *Exchange, r *resp.Reply) {
	if r.Kind == resp.Array {
		element, why := s.Block.executed(s, ex, r)
		if !s.Block.shortens() {
			element = 0 // then the table of commands is wrong about this server
		}
		if effect := s.Block.reply; effect != replyAsBefore {
			s.Mode.applyQueued(s, effect)
		}
		if element > 0 {
			info := ex.Serves
			reportOddity(s, &Oddity{Session: s, What: ShortReply, Reply: r, Info: &info, Text: why, Exchange: ex})
		}
	}
	s.Block.end()
}

// inherits recognises the reply of a transaction that was begun where the capture does not show it.
func (d *doubts) inherits(s *Session, r *resp.Reply) bool {
	return s.blockUnknown && r.Kind == resp.Simple && string(r.Text) == "QUEUED"
}

// inherited moves the mode by a reply that shows whether the server is in a transaction, where bytes were lost that may
// have begun or ended one.
func inherited(s *Session, ex *Exchange, r *resp.Reply) {
	switch {
	case ex.Flags&Uncertain != 0 || r.Kind == resp.Error:
	case s.doubts.inherits(s, r):
		ex.Flags |= Queued
		if s.Prev.end == ex.End {
			s.Mode.inMulti = true
		}
	case ex.Verb == verbExec || ex.Verb == verbDiscard || ex.Verb == verbMulti:
		s.blockUnknown = false
	case ex.Flags&Queued != 0 && s.Prev.end == ex.End:
		ex.Flags &^= Queued // the EXEC was lost
		s.Mode.inMulti = false
		s.Block.end()
	}
}
