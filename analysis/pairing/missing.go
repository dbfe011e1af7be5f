package pairing

import (
	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// A command or its reply that was lost on the way, by a proxy for one, leaves the pairing in order short of replies for good.
//
//  1. A reply that comes much sooner behind a later command than behind the one before that, or whose value is known as that
//     of a later command and not of its own, begins a suspicion, and is held.
//  2. Each further reply is weighed by its time and its value: align.Lost.
//  3. A reply that comes while no command is there that it could then serve, one that is known to be its own, or too many that
//     say nothing, end the suspicion: all are paired in order.
//  4. When what was seen is no coincidence, and has outlasted the commands that were outstanding at its beginning, or left the
//     server silent with commands unanswered, the oldest commands had no reply.

// suspect returns how many commands before the one that a reply seems to serve are outstanding; 0: it seems to serve the oldest.
// It is asked for each reply that comes while several commands are outstanding.
func suspect(s *Session, r *resp.Reply, at *reassembly.Segment) (by int) {
	rest := s.Pending.Rest()
	if rest[0].Batch != rest[1].Batch {
		s.Shared.early.All++
	}
	asked, value := rest[0].facts.Asks, known.Value(r)
	if !s.Shared.Known.Contradicts(asked, value) {
		value = 0
	}
	if value == 0 && rest[0].Batch == rest[len(rest)-1].Batch {
		return 0 // each reply to a pipeline of 32 would be held against all of it: 8 % of the time
	}
	for i := 1; i < min(len(rest), maxAnchor+1) && rest[i].End <= at.Ack; i++ {
		before, ex := rest[i-1], rest[i]
		if value != 0 && s.Shared.Known.IsOf(value, asked, ex.facts.Asks) ||
			before.Batch != ex.Batch && align.IsSoon(at.Time.Sub(ex.EndTime), at.Time.Sub(before.EndTime)) && ackedBefore(s, before, ex) {
			by = i // no more in a row than may be in flight where a capture begins
			break
		}
	}
	if by > 0 && !weighable(s) {
		return 0
	}
	return by
}

// ackedBefore reports whether nothing that the server had sent was unacknowledged any more when a command came: else the command,
// whose packet acknowledges it, may be what a reply waited for that was ready long before (Nagle, RFC 896).
func ackedBefore(s *Session, before, ex *Exchange) bool {
	return s.noDelay || before.Ack >= ex.Ack || s.bareAck >= ex.Ack
}

// weighable reports whether nothing but a fault explains a reply too few: no byte is missing since, and what is
// outstanding is due one reply each, at once.
func weighable(s *Session) bool {
	m := &s.Mode
	if s.Kind != RESP || s.open != nil || s.holes || s.cut[RoleClient] || s.cut[RoleServer] || s.badRequests > 0 || s.unsureMode ||
		m.inMulti || m.replies != repliesOn || m.monitor != monitorOff || m.debugger != debuggerOff || m.Ending != notEnding || m.Subs > 0 {
		return false
	}
	for _, ex := range s.Pending.Rest()[:min(s.Pending.Len(), maxAwaited)] {
		if !weighed(ex) {
			return false
		}
	}
	return true
}

// weighed reports whether a command is due one reply that the server gives at once.
func weighed(ex *Exchange) bool {
	return (ex.Verb == OtherVerb || ex.Verb == VerbPing || ex.Verb == VerbEcho) && ex.due == 1 &&
		ex.Flags&(Blocks|Queued|Subscribing|Uncertain|AfterHole|InHandshake) == 0 && !ex.Unsure && !ex.Late
}

// weigh takes a reply while some are suspected to be missing.
func (h *unresolved) weigh(s *Session, r *resp.Reply, info *ReplyInfo) {
	m, n := h.missing, len(h.replies)
	h.add(s.Shared, r, info)
	if s.Pending.Len() < n+m.By+1 || info.K < s.Pending.At(n+m.By).End || s.holes || !weighed(s.Pending.At(n+m.By)) {
		h.inOrder(s)
		return
	}
	own, before, other := s.Pending.At(n), s.Pending.At(n+m.By-1), s.Pending.At(n+m.By)
	ofOwn, _ := fitOf(s, own, r, info)
	ofOther, _ := fitOf(s, other, r, info)
	switch {
	case ofOwn != align.Fits:
		h.missing = nil // a contradiction: the alignment decides
		s.contradictions++
		return
	case ofOther != align.Fits:
		h.inOrder(s)
		return
	}
	memory, early := &s.Shared.Known, &s.Shared.early
	says := false
	if n > 0 && before.Batch != other.Batch {
		early.All++
	}
	if behind := info.FirstTime.Sub(other.EndTime); before.Batch != other.Batch && align.IsSoon(behind, info.FirstTime.Sub(before.EndTime)) && ackedBefore(s, before, other) {
		m.Time(early)
		says = true
	}
	if ratio := memory.Ratio(own.facts.Asks, other.facts.Asks, known.Value(r)); ratio != 1 {
		m.Value(ratio)
		says = true
	}
	if !says {
		m.Neither()
	}
	switch {
	case m.Refuted():
		h.inOrder(s)
	case m.Proven(early) && len(h.replies) > m.Window && h.sureEnough(early):
		h.leaveOutOldest(s)
	case !s.Shared.limits.buffered.Admits(len(h.replies)):
		h.inOrder(s)
	}
}

// sureEnough reports whether it does not help to wait for more: values show it by themselves, or none says anything.
func (h *unresolved) sureEnough(early *align.Early) bool {
	return h.missing.Matches == 0 || h.missing.ByValues(early) || len(h.replies) >= maxLookBack
}

// inOrder ends a suspicion: the held replies serve the oldest commands.
func (h *unresolved) inOrder(s *Session) {
	s.Shared.early.Soon += h.missing.Turns
	s.Shared.Known.Mistaken(h.missing.Matches)
	h.releaseInOrder(s, nil, false)
}

// leaveOutOldest gives each held reply to the command so many places behind the one that it would serve in order.
func (h *unresolved) leaveOutOldest(s *Session) {
	s.open = nil
	m := h.missing
	a := &Alignment{Session: s, Resolved: true, Skips: m.By, Turns: m.Turns, Matches: m.Matches, ByValues: m.ByValues(&s.Shared.early)}
	for range m.By {
		lost := s.Pending.Pop()
		leaveOut(s, lost)
		a.Commands, a.Skipped = append(a.Commands, lost), append(a.Skipped, lost)
	}
	for i := range h.replies {
		k, ex := &h.replies[i], s.Pending.Pop()
		a.Commands, a.Live = append(a.Commands, ex), ex
		a.Behind = max(a.Behind, k.info.FirstTime.Sub(ex.EndTime))
		ex.Serves = k.info
		s.serve(ex, &k.reply)
	}
	s.Sink.Aligned(a)
	for _, ex := range a.Commands {
		s.Shared.Release(ex)
	}
}
