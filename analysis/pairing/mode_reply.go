package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/resp"
)

// replyState is whether the server answers.
type replyState uint8

const (
	repliesOn replyState = iota
	repliesSkipNext
	repliesOff
)

// replyEffect is what CLIENT REPLY inside a transaction leaves behind.
type replyEffect uint8

const (
	replyAsBefore replyEffect = iota
	replyNowOn
	replyNowOff
	replySkipNext
)

// sentClientReply takes CLIENT REPLY. Inside MULTI it is queued, and has its effect from EXEC on.
func sentClientReply(m *mode, req *resp.Request, ex *Exchange) {
	if len(req.Args) != 3 {
		return // an error
	}
	switch arg := req.Args[2].Bytes; {
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

func (m *mode) replyAs(effect replyEffect, ex *Exchange) {
	switch effect {
	case replyNowOff:
		m.replies, m.silencedBy = repliesOff, ex.Index
		ex.Flags |= NoReplyDue
	case replySkipNext:
		ex.Flags |= NoReplyDue
		m.silencedBy = ex.Index
		if m.replies != repliesOff {
			m.replies = repliesSkipNext
		}
	case replyNowOn:
		m.replies = repliesOn
		if m.Ending != QuitSent {
			ex.Flags &^= NoReplyDue
		}
	}
}

// applyQueued applies a CLIENT REPLY that was queued, also to the commands that were sent behind EXEC already.
func (m *mode) applyQueued(s *Session, effect replyEffect) {
	switch effect {
	case replyNowOn:
		m.replies = repliesOn
	case replySkipNext:
		if s.Pending.Len() == 0 {
			m.replies = repliesSkipNext
			return
		}
		s.queues.unanswered(s, 1)
	case replyNowOff:
		for n, ex := range s.Pending.Rest() {
			if ex.replyMode == replyNowOn {
				s.queues.unanswered(s, n)
				return
			}
		}
		s.queues.unanswered(s, s.Pending.Len())
		m.replies = repliesOff
	}
}
