package pairing

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// A command or its reply that was lost on the way, by a proxy for one, leaves the pairing in order one reply short for good,
// and where all commands are alike no content contradicts. Time does: each reply comes just after the *next* command, and
// none in the pause before it. In order each would have taken exactly as long as its client happened to pause, though the
// server answers at once.
//
//  1. A reply that comes much sooner behind the next command than behind its own begins a suspicion, and is held.
//  2. Each further reply is weighed by r, its time behind the next command over that behind its own: about the chance that
//     a reply which may come at any time comes so soon behind that command.
//  3. A reply that comes while no next command is there, or too many that say nothing, end the suspicion: all are paired in
//     order.
//  4. Five replies in turn whose chances make one in a million together decide: the oldest command had no reply.
type missing struct {
	odds    float64
	turns   int // replies that count
	neutral int // that do not
}

const (
	missingTurns = 5
	missingOdds  = 1e-6
	// missingFloor bounds what one reply may weigh: a stall may end at any moment.
	missingFloor = 1e-2
	// suspicious is the r from which on down a reply counts.
	suspicious = 0.1
	// neutralPerTurn is how many replies that do not count may come for one that does: of a burst the first counts only.
	neutralPerTurn = 2
)

// suspect reports whether a reply to the oldest command may rather be that of the next one. It is asked for each reply that
// comes while several commands are outstanding.
func suspect(s *Session, at *reassembly.Segment) bool {
	front, next := s.Pending.At(0), s.Pending.At(1)
	return front.Batch != next.Batch && at.Time.Sub(next.EndTime) < time.Duration(suspicious*float64(at.Time.Sub(front.EndTime))) &&
		at.Ack >= next.End && weighable(s)
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

// weigh takes a reply while one is suspected to be missing.
func (h *unresolved) weigh(s *Session, r *resp.Reply, info *ReplyInfo) {
	m, n := h.missing, len(h.replies)
	h.add(s.Shared, r, info)
	if s.Pending.Len() < n+2 || !weighed(s.Pending.At(n)) || !weighed(s.Pending.At(n+1)) || info.K < s.Pending.At(n+1).End || s.holes {
		h.releaseInOrder(s, nil, false)
		return
	}
	own, next := s.Pending.At(n), s.Pending.At(n+1)
	ofOwn, _ := fitOf(s, own, r, info)
	ofNext, _ := fitOf(s, next, r, info)
	switch {
	case ofOwn != align.Fits:
		h.missing = nil // a contradiction: the alignment decides
		s.contradictions++
		return
	case ofNext != align.Fits:
		h.releaseInOrder(s, nil, false)
		return
	}
	behindOwn, behindNext := info.FirstTime.Sub(own.EndTime), info.FirstTime.Sub(next.EndTime)
	if share := float64(behindNext) / float64(behindOwn); share <= suspicious && behindNext >= 0 {
		m.turns++
		m.odds *= max(share, missingFloor)
	} else {
		m.neutral++
	}
	switch {
	case m.turns >= missingTurns && m.odds < missingOdds:
		h.leaveOutOldest(s)
	case m.neutral > neutralPerTurn*m.turns:
		h.releaseInOrder(s, nil, false)
	}
}

// leaveOutOldest gives each held reply to the command behind the one that it would serve in order.
func (h *unresolved) leaveOutOldest(s *Session) {
	s.open = nil
	lost := s.Pending.Pop()
	leaveOut(s, lost)
	a := &Alignment{Session: s, Commands: []*Exchange{lost}, Resolved: true, Skips: 1, Skipped: []*Exchange{lost}, Turns: len(h.replies)}
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
