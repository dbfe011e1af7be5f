package analysis

import (
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/resp"
)

// output is where events go. Its records of events are used again.
type output struct {
	yield    func(pairing.Event, error) bool
	yielding bool // the consumer has the event
	stopped  bool
	forRules bool
	opened   Opened
	ended    Ended
	sent     Sent
	answered Answered
	control  Control
	behind   []*BlockedBehind // until they are told, see behindUntil
}

// ForRules says, before the events begin, that Detect is all that they are for: commands, replies and exchanges that no
// rule can ask for are not emitted. It saves a tenth of the time on small commands.
func (o *output) ForRules() { o.forRules = true }

func (o *output) emit(e pairing.Event) {
	if o.stopped {
		return
	}
	o.yielding = true
	o.stopped = !o.yield(e, nil)
	o.yielding = false
}

func (o *output) emitSent(s *Session, ex *pairing.Exchange, req *resp.Request) {
	o.sent = Sent{s, ex, req}
	o.emit(&o.sent)
}

func (o *output) emitAnswered(s *Session, ex *pairing.Exchange, reply *resp.Reply) {
	o.answered = Answered{s, ex, reply, ex.Contradiction, ex.Foreign}
	o.emit(&o.answered)
}
