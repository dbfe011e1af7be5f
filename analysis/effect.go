package analysis

import "github.com/respsniff/respsniff/resp"

// moved moves the mode by a reply.
func (m *mode) moved(s *Paired, ex *Exchange, r *resp.Reply) {
	failed := r.Kind == resp.Error
	if s.blockUnknown {
		s.mode.inherited(s, ex, r)
	}
	if ex.Flags&Queued != 0 {
		switch {
		case r.Kind == resp.Simple && string(r.Text) == "QUEUED":
			s.block.queue(ex)
			s.block.watchProbe(s, ex)
		case failed:
			s.block.failed = true
		}
		return
	}
	switch ex.verb {
	case otherVerb:
	case verbMonitor:
		if !failed {
			s.mode.monitor = true
			s.Kind = Monitor
		}
	case verbReset:
		if !failed {
			s.mode.resp3, s.mode.monitor, s.mode.subs, s.mode.kinds = false, false, 0, [3]int{}
			s.block.end()
		}
	case verbHello:
		if !failed {
			m.switchTo(ex.hello)
		}
	case verbMulti:
		switch {
		case !failed:
			s.block.begin(ex.Index, ex.Flags&Uncertain == 0)
		case ex.Index == s.mode.multiIndex && !s.block.open:
			s.mode.inMulti = false
		}
	case verbExec:
		s.block.executedBlock(s, ex, r)
	case verbDiscard:
		if !failed {
			s.block.end()
		}
	case verbPsync:
		if !failed {
			s.becomeReplication()
		}
	}
}

// executedBlock ends a transaction by the reply to its EXEC.
func (t *transaction) executedBlock(s *Paired, ex *Exchange, r *resp.Reply) {
	if r.Kind == resp.Array {
		element, why := s.block.executed(s, ex, r)
		if !s.block.shortens() {
			element = 0 // then the table of commands is wrong about this server
		}
		if effect := s.block.reply; effect != replyAsBefore {
			s.mode.applyQueued(s, effect)
		}
		if element > 0 {
			info := ex.Serves
			reportOddity(s, &Oddity{Session: s, What: ShortReply, Reply: r, Info: &info, Text: why, Exchange: ex})
		}
	}
	s.block.end()
}

// applyQueued applies a CLIENT REPLY that was queued, also to the commands that were sent behind EXEC already.
func (m *mode) applyQueued(s *Paired, effect replyEffect) {
	switch effect {
	case replyNowOn:
		s.mode.replyOff = false
	case replySkipNext:
		if s.pending.len() == 0 {
			s.mode.replySkip = true
			return
		}
		s.queues.unanswered(s, 1)
	case replyNowOff:
		for n, ex := range s.pending.rest() {
			if ex.replyMode == replyNowOn {
				s.queues.unanswered(s, n)
				return
			}
		}
		s.queues.unanswered(s, s.pending.len())
		s.mode.replyOff = true
	}
}

// unanswered takes back that the next n commands are due a reply.
func (q *queues) unanswered(s *Paired, n int) {
	for range n {
		ex := s.pending.pop()
		ex.Flags |= NoReplyDue
		s.shared.release(ex)
	}
}

// allowsAnyway knows the replies that a mode adds to those of the command.
func (m *mode) allowsAnyway(ex *Exchange, r *resp.Reply) bool {
	if ex.Flags&Queued != 0 && r.Kind == resp.Simple && string(r.Text) == "QUEUED" {
		return true
	}
	if ex.Flags&Subscribing != 0 && isConfirmation(r) {
		return true
	}
	return m.subs > 0 && ex.verb == verbPing && r.Kind == resp.Array
}

// inherits recognises the reply of a transaction that was begun where the capture does not show it.
func (d *doubts) inherits(s *Paired, r *resp.Reply) bool {
	return s.blockUnknown && r.Kind == resp.Simple && string(r.Text) == "QUEUED"
}

// inherited moves the mode by a reply that shows whether the server is in a transaction, where bytes were lost that may
// have begun or ended one.
func (m *mode) inherited(s *Paired, ex *Exchange, r *resp.Reply) {
	switch {
	case ex.Flags&Uncertain != 0 || r.Kind == resp.Error:
	case s.doubts.inherits(s, r):
		ex.Flags |= Queued
		if s.prev.end == ex.End {
			s.mode.inMulti = true
		}
	case ex.verb == verbExec || ex.verb == verbDiscard || ex.verb == verbMulti:
		s.blockUnknown = false
	case ex.Flags&Queued != 0 && s.prev.end == ex.End:
		ex.Flags &^= Queued // the EXEC was lost
		s.mode.inMulti = false
		s.block.end()
	}
}
