package analysis

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

// maxQueued is how many commands of a transaction are tied to their elements; a decoder keeps no more of an array.
const maxQueued = resp.MaxElems

// transaction is the MULTI block that the server has been told to queue.
type transaction struct {
	open   bool // MULTI was answered OK
	whole  bool // and no reply of the block was uncertain
	multi  int  // number of the MULTI
	queued int  // commands answered QUEUED
	calls  []queuedCall
	reply  replyEffect
	failed bool // a command of it was refused: EXEC will be aborted
}

type queuedCall struct {
	call  commands.Call
	index int
	auth  bool
	hello protocol
}

// replyEffect is what CLIENT REPLY inside a transaction leaves behind.
type replyEffect uint8

const (
	replyAsBefore replyEffect = iota
	replyNowOn
	replyNowOff
	replySkipNext
)

// begin opens the block at the OK of its MULTI.
func (t *transaction) begin(multi int, sure bool) {
	*t = transaction{open: true, whole: sure, multi: multi, calls: t.calls[:0]}
}

func (t *transaction) end() { *t = transaction{calls: t.calls[:0]} }

// queue takes a QUEUED.
func (t *transaction) queue(ex *Exchange) {
	t.queued++
	if len(t.calls) < maxQueued {
		ex.locate() // an element may be a redirect
		t.calls = append(t.calls, queuedCall{ex.Call, ex.Index, ex.verb == verbAuth || ex.verb == verbHello, ex.hello})
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
func (t *transaction) executed(s *Paired, exec *Exchange, r *resp.Reply) (element int, why string) {
	if r.Kind != resp.Array {
		return 0, ""
	}
	exec.Exec = ExecView{0, r.Kind, r.N}
	if !t.open || r.Abandoned || exec.Flags&Uncertain != 0 {
		return 0, ""
	}
	for i, q := range t.calls {
		if i >= len(r.Elems) {
			break
		}
		e := &r.Elems[i]
		if ex := s.queues.logged(s, q.index); ex != nil {
			ex.Exec = ExecView{i + 1, e.Kind, e.N}
		}
		if e.Kind != resp.Error {
			s.mode.switchTo(q.hello)
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

// staleIdle is the pause after which a liveness probe in a mode that forbids it comes from a new user of the connection.
const staleIdle = 100 * time.Millisecond

// watchProbe looks for the next user of a connection that was given back inside MULTI: pools probe what they hand out,
// and nobody probes inside a transaction of its own.
func (t *transaction) watchProbe(s *Paired, ex *Exchange) {
	if ex.verb == verbPing && ex.idle >= staleIdle {
		info := ex.Serves
		reportOddity(s, &Oddity{Session: s, What: StaleMode, Info: &info, Exchange: ex, Gap: ex.idle, Text: "a transaction"})
	}
}

// watchMonitor looks for the next user of a connection that was given back as a MONITOR.
func (m *mode) watchMonitor(s *Paired, ex *Exchange) {
	if !s.mode.monitor || ex.idle < staleIdle || ex.verb == verbQuit || ex.verb == verbReset || ex.verb == verbMonitor {
		return
	}
	s.sink.Oddity(&Oddity{
		Session: s, What: StaleMode, Frame: ex.Frame, File: ex.File, Time: ex.Time, Offset: ex.Start, Exchange: ex, Gap: ex.idle, Text: "MONITOR",
	})
}

// logged returns a command that has not been settled yet, or nil.
func (q *queues) logged(s *Paired, index int) *Exchange {
	if s.log.len() == 0 {
		return nil
	}
	i := index - s.log.front().Index
	if i < 0 || i >= s.log.len() || s.log.at(i).Index != index {
		return nil
	}
	return s.log.at(i)
}
