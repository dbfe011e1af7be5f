package pairing

import (
	"math"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// maxAnchor is how many commands that the capture does not contain may still wait for a reply where it begins.
const maxAnchor = -align.LowestShift

const _ = uint(align.HighestShift - maxAnchor - maxBuffered) // all shifts can be told apart

// Shortest encodings of a command and of a reply: "*1\r\n$3\r\nGET\r\n" and "_\r\n". They bound how many were in a hole.
const (
	minCommandBytes = 13
	minReplyBytes   = 3
)

// Quiet points. A server that has all commands answers them at once, so one that was silent for a while and then
// answers a new command promptly owes nothing older: else it would have kept an older reply back all the time until just
// after that command. The chance of such a coincidence is the time that the answer took over the time of the silence. One
// may be the end of a stall; several at the same shift are not.
const (
	longQuiet   = time.Second           // alone enough
	resolution  = 10 * time.Microsecond // of the time that an answer takes
	mostOfOne   = 6                     // nats that one quiet point may say: it alone is not enough
	usualSize   = 2.3                   // nats for the number that bytes of the usual size make: one in ten differs
	anchored    = 6.9                   // nats from which on a shift is certain: a chance of 0.1 %
	turnsNeeded = 32
)

// anchor is the search for the shift between commands and replies after bytes were lost, or where a capture begins in
// mid-stream. Reply j since then serves the pending command j+shift: a shift above 0 means that replies were lost,
// one below that commands are unknown. The search keeps all shifts that are possible and crosses out those that type,
// shape, slot, echo or the server's kernel exclude, until one is left.
type anchor struct {
	align.Shifts
	first   int  // number of the first command that is in doubt
	edge    bool // no shift below Lo is likely: if all but Lo are crossed out, it may be one of those
	quiet   bool // the next reply shows whether a quiet point is one
	shift   int  // that it stands for
	command int64
	sent    capture.Time
	silence time.Duration
	turns   int // exchanges in a row of one command, then one reply from a server that had all commands
	turn    int // the shift at which these leave nothing owed
	asked   int // commands sent when the last of them was answered
}

// doubt takes that commands or replies may have been missed: the pairing is to be anchored anew, at a shift between lo
// and hi. closed: no other shift is possible.
func (d *doubts) doubt(s *Session, lo, hi int, closed bool) {
	s.steady = false
	if s.contradictory() {
		s.open.resolve(s, false, true)
	}
	if s.Unanchored() {
		lo, hi, closed = -maxAnchor, max(hi, s.open.anchor.Hi), false
		s.open.guess(s)
	}
	if lo == 0 && hi == 0 && closed {
		return
	}
	s.anchorWithin(s, lo, hi, closed)
}

// anchorWithin begins the search for a shift between lo and hi; first is the first command in doubt.
func (d *doubts) anchorWithin(s *Session, lo, hi int, closed bool) {
	s.steady = false
	if lo < -maxAnchor || hi > maxAnchor+maxBuffered {
		closed = false
	}
	s.blockUnknown = true
	s.open = s.Shared.unresolved.Get()
	*s.open = unresolved{anchoring: true, anchor: anchor{Shifts: align.Shifts{
		Lo: max(lo, -maxAnchor), Hi: max(-maxAnchor, min(hi, maxAnchor+maxBuffered)), Closed: closed,
	}}}
	for _, ex := range s.Pending.Rest() {
		ex.Flags |= Uncertain | AfterHole
	}
}

// still ends a search that another loss interrupts: what is buffered is paired at the likeliest shift. It returns between
// which bounds the shift of what follows lies by all that is known so far, and whether no other is possible.
func (d *doubts) still(s *Session) (lo, hi int, closed bool) {
	switch {
	case s.contradictory():
		s.open.resolve(s, false, true)
	case s.Unanchored():
		return s.open.guess(s)
	}
	return 0, 0, true
}

// doubtCommands takes that n bytes of the client's stream before the command of the given number were lost, or were none.
// What is pending keeps its place: the replies to it come first.
func (d *doubts) doubtCommands(s *Session, n int64, first int) {
	s.steady = false
	unseen := int(min(n/minCommandBytes+1, 2*maxAnchor))
	if !s.Unanchored() {
		if s.open != nil {
			s.open.resolve(s, false, true)
		}
		s.blockUnknown = true
		s.open = &unresolved{anchoring: true, anchor: anchor{Shifts: align.Shifts{Lo: -min(unseen, maxAnchor), Closed: unseen <= maxAnchor}, first: first}}
		s.open.anchor.Expect(-ofSize(n, s.askedBytes, s.CommandCount), usualSize)
		return
	}
	if a := &s.open.anchor; a.first == first && a.Hi == 0 {
		a.Lo, a.Closed = -min(unseen, maxAnchor), unseen <= maxAnchor // more is known of the same loss
		return
	}
	lo, hi, closed := d.still(s)
	s.anchorWithin(s, lo-unseen, hi, closed)
	s.open.anchor.Usual = min(max(lo-unseen, -ofSize(n, s.askedBytes, s.CommandCount)), hi)
}

// doubtReplies takes that the n bytes of the server's stream before the place end were lost, or were no reply. They
// answered commands that the client had written before it received them, one at least: what was lost begins at the end of
// a reply.
func (d *doubts) doubtReplies(s *Session, n, end int64) {
	fresh := !s.Unanchored()
	lo, hi, closed := d.still(s)
	had := 0
	for _, ex := range s.Pending.Rest() {
		if !ex.Late && ex.Ack != reassembly.NoAck && ex.Ack >= end {
			break
		}
		had++
	}
	if n >= minReplyBytes && s.Pushes == 0 && s.Mode.Subs == 0 {
		lo++
	}
	hi = min(hi+int(min(n/minReplyBytes+1, maxBuffered)), had)
	if lo = min(lo, hi); lo == 0 && hi == 0 && closed {
		s.open = nil
		return
	}
	s.anchorWithin(s, lo, hi, closed)
	if usual := min(max(lo, ofSize(n, s.replyBytes, s.ReplyCount)), hi); fresh {
		s.open.anchor.Expect(usual, usualSize)
	} else {
		s.open.anchor.Usual = usual
	}
}

// ofSize is how many values of the usual size n bytes are: one at least, and as many as can be where no size is known.
func ofSize(n, all int64, count int) int {
	if count == 0 || all == 0 {
		return maxBuffered
	}
	return int(max(1, min((2*n*int64(count)+all)/(2*all), maxBuffered)))
}

// beforeLoss reports whether the replies to come belong to commands before the loss.
func (h *unresolved) beforeLoss(s *Session) bool {
	return len(h.replies) == 0 && s.Pending.Len() > 0 && s.Pending.Front().Index < h.anchor.first
}

// unanchored takes a reply while the pairing is in doubt.
func (h *unresolved) unanchored(s *Session, r *resp.Reply, info *ReplyInfo) {
	a := &h.anchor
	j := len(h.replies)
	h.add(s.Shared, r, info)
	h.replies[j].unseen = s.Pending.Len() == 0 && unseenCommand(s, info.K)
	for shift := a.Lo; shift <= a.Hi; shift++ {
		if a.Excluded(shift) {
			continue
		}
		if i := j + shift; i >= s.Pending.Len() {
			if !unseenCommand(s, info.K) {
				a.Exclude(shift)
			}
		} else if i >= 0 && !canServe(s, s.Pending.At(i), r, info) {
			a.Exclude(shift)
		}
	}
	left, last := a.Left()
	switch {
	case left == 0:
		if a.Lo == -maxAnchor || a.Hi == maxAnchor+maxBuffered {
			s.Shared.limits.anchor.Hits++ // it may be one beyond
		}
		a.Closed = false
		h.guess(s)
	case left == 1 && a.Closed && last+len(h.replies) <= 0:
		a.Closed = false // no command that was captured has been answered: there may be more of the others than was thought
	case left == 1 && a.Closed && !(a.edge && last == a.Lo):
		h.anchorAt(s, last)
	case h.takesTurns(s, info):
		h.anchorAt(s, h.anchor.turn)
	default:
		h.vote(s, info)
		if s.open != nil && !s.Shared.limits.buffered.Admits(len(h.replies)) {
			h.guess(s)
		}
	}
}

// canServe reports whether nothing contradicts that a reply serves a command: what its client had received when it wrote
// a command answers earlier ones.
func canServe(s *Session, ex *Exchange, r *resp.Reply, info *ReplyInfo) bool {
	if !ex.Late && ex.Ack != reassembly.NoAck && info.Start < ex.Ack {
		return false
	}
	f, _ := fitOf(s, ex, r, info)
	return f == align.Fits
}

// asks holds the newest command that waits for a reply against those that are buffered.
func (h *unresolved) asks(s *Session) {
	a := &h.anchor
	i := s.Pending.Len() - 1
	for shift := max(a.Lo, i-len(h.replies)+1); shift <= min(a.Hi, i); shift++ {
		k := &h.replies[i-shift]
		if !a.Excluded(shift) && !canServe(s, s.Pending.At(i), &k.reply, &k.info) {
			a.Exclude(shift)
		}
	}
	switch left, last := a.Left(); {
	case left == 0:
		h.guess(s)
	case left == 1 && a.Closed && len(h.replies) > 0:
		h.anchorAt(s, last)
	}
}

// unseenCommand reports whether a server whose kernel has the client's bytes up to k may have a command that the capture
// has not, or not yet: bytes behind the last command known, some of them lost, count as one.
func unseenCommand(s *Session, k int64) bool {
	return k != reassembly.NoAck && k > s.Prev.end && (k > s.requests.Offset() || s.requests.Lost())
}

// takesTurns counts exchanges of exactly one command and one reply, sent by a server whose kernel had that command. A
// server that owed an older reply all the time would each time have to leave the newest command, which it had, for
// later; it never does so many times in a row. This anchors clients that never pause.
func (h *unresolved) takesTurns(s *Session, info *ReplyInfo) bool {
	a := &h.anchor
	shift := s.Pending.Len() - len(h.replies)
	one := s.CommandCount == a.asked+1 && info.K == s.Prev.end && info.MaxGap == 0 && s.Prev.Valid && info.FirstTime >= s.Prev.EndTime
	a.asked = s.CommandCount
	if !one || shift != a.turn || shift < a.Lo || shift > a.Hi || a.Excluded(shift) {
		a.turns, a.turn = 0, shift
		return false
	}
	a.turns++
	return a.turns >= turnsNeeded
}

// quietPoint looks, before a command is sent, whether the server owes nothing.
func (h *unresolved) quietPoint(s *Session, ex *Exchange) {
	a := &h.anchor
	if s.Pending.Len() > maxAnchor/2 && a.Lo < 0 {
		a.Closed = false // a client that runs so far ahead may have done so before
	}
	if a.quiet || ex.Flags&AfterHole != 0 || s.Pending.Len() > 0 && s.Pending.Front().Index < a.first {
		return
	}
	silence, ok := silenceAt(s, ex.Time)
	if !ok {
		return
	}
	shift := s.Pending.Len() - len(h.replies)
	if shift < a.Lo || shift > a.Hi || a.Excluded(shift) {
		return
	}
	if silence >= max(longQuiet, 3*s.MinRTT) {
		h.anchorAt(s, shift)
		return
	}
	a.quiet, a.shift = true, shift
	a.command, a.sent, a.silence = ex.End, ex.EndTime, silence
}

// silenceAt returns for how long both sides have been silent, unless a command that waits may keep the server silent.
func silenceAt(s *Session, now capture.Time) (time.Duration, bool) {
	last := max(s.LastData[RoleServer].Time, s.LastData[RoleClient].Time)
	if last == 0 || s.Prev.Valid && s.AckSeen[RoleServer] < s.Prev.end || s.Mode.replies == repliesOff {
		return 0, false
	}
	if _, open := s.Answers.Partial(); open {
		return 0, false
	}
	for _, ex := range s.Pending.Rest() {
		if ex.Flags&Blocks != 0 {
			return 0, false
		}
	}
	return now.Sub(last), true
}

// vote counts a quiet point for its shift if the first reply after it confirms it.
func (h *unresolved) vote(s *Session, info *ReplyInfo) {
	a := &h.anchor
	if !a.quiet {
		return
	}
	a.quiet = false
	if info.K != reassembly.NoAck && info.K < a.command || a.Excluded(a.shift) {
		return
	}
	took := max(info.FirstTime.Sub(a.sent)-s.MinRTT, resolution)
	says := math.Log(float64(a.silence+s.MinRTT) / float64(took))
	if says <= 0 {
		return
	}
	a.Speak(a.shift, float32(min(says, mostOfOne)))
	if best, lead := a.Likeliest(); lead >= anchored {
		s.voted = s.ReplyCount + 1
		h.anchorAt(s, best)
	}
}

// anchorAt ends the doubt: the buffered replies serve the commands at this shift.
func (h *unresolved) anchorAt(s *Session, shift int) {
	h.place(s, shift, true)
	s.open = nil
	for _, ex := range s.Pending.Rest() {
		ex.Flags &^= Uncertain
	}
}

// guess gives up on what is buffered: it is paired at the likeliest shift and stays uncertain. The search goes on with what
// follows, of which it returns between which bounds the shift lies then, and whether no other is possible.
func (h *unresolved) guess(s *Session) (lo, hi int, closed bool) {
	a := &h.anchor
	found := false
	for shift := a.Lo; shift <= a.Hi; shift++ {
		if a.Excluded(shift) {
			continue
		}
		if !found {
			lo, found = shift, true
		}
		hi = shift
	}
	best, _ := a.Likeliest()
	if !found {
		best = -len(h.replies)
		for s.Pending.Len() > 0 {
			s.DropPending()
		}
		lo, hi = -maxAnchor, maxAnchor
	}
	place := best
	if len(h.replies) == 0 {
		place, best = 0, 0 // nothing was paired, and nothing is given up
	}
	open := h.place(s, place, false)
	if s.Kind == Replication {
		s.open = nil
		return 0, 0, true
	}
	s.open = open
	*open = unresolved{anchoring: true, anchor: anchor{Shifts: align.Shifts{Lo: -maxAnchor, Hi: min(s.Pending.Len()+maxAnchor, maxAnchor+maxBuffered)}}}
	return lo - best, hi - best, found && a.Closed
}

// place pairs the buffered replies at a shift, and returns the empty buffer that is open then: the pairing is still in doubt.
func (h *unresolved) place(s *Session, shift int, sure bool) (open *unresolved) {
	open = s.Shared.unresolved.Get()
	*open = unresolved{anchoring: true}
	s.open = open
	for range max(shift, 0) {
		if s.Pending.Len() > 0 {
			s.DropPending()
		}
	}
	for i := range h.replies {
		k := &h.replies[i]
		if i+min(shift, 0) < 0 || s.Pending.Len() == 0 {
			s.unanchoredReplies++
			o := &Oddity{Session: s, What: UnanchoredSeen, Reply: &k.reply, Info: &k.info}
			if sure || k.unseen {
				o.Before = nextIndex(s)
			}
			reportOddity(s, o)
			continue
		}
		ex := s.Pending.Pop()
		if sure {
			ex.Flags &^= Uncertain
		}
		ex.Serves = k.info
		s.serve(ex, &k.reply)
		s.Shared.Release(ex)
	}
	clear(h.replies)
	s.Shared.replies, h.replies = h.replies[:0], nil
	return open
}

// nextIndex is the number of the oldest command that waits for a reply, or of the next one to come.
func nextIndex(s *Session) int {
	if s.Pending.Len() > 0 {
		return s.Pending.Front().Index
	}
	return s.CommandCount + 1
}

// anchorAtRefusal ends the doubt where the server reports a protocol error of the client: it has answered all commands
// before that.
func (h *unresolved) anchorAtRefusal(s *Session) {
	n := 0
	for _, ex := range s.Pending.Rest() {
		if ex.Index <= s.badAfter {
			n++
		}
	}
	a := &h.anchor
	if shift := n - len(h.replies); shift >= a.Lo && shift <= a.Hi && !a.Excluded(shift) {
		h.anchorAt(s, shift)
	}
}

// anchorAtEnd ends the doubt where the connection ended after a long silence in which the server owed nothing.
func (h *unresolved) anchorAtEnd(s *Session, now capture.Time) {
	silence, ok := silenceAt(s, now)
	a := &h.anchor
	shift := s.Pending.Len() - len(h.replies)
	if ok && silence >= longQuiet && shift >= a.Lo && shift <= a.Hi && !a.Excluded(shift) && len(h.replies) > 0 {
		h.anchorAt(s, shift)
		return
	}
	h.guess(s)
	s.Shared.unresolved.Put(h)
}
