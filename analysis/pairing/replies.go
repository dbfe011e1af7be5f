package pairing

import (
	"bytes"

	"github.com/respsniff/respsniff/analysis/pairing/align"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// FromServer takes a segment of the server: what is missing before it, which commands it acknowledges, the replies in its
// payload, its ACK number. It reports whether replies were looked for.
func (s *Session) FromServer(seg *reassembly.Segment) (looked bool) {
	s.Last = seg.Time
	if !seg.Plain || seg.HasTS && !s.hidden.clocks.Follows(RoleServer, seg) {
		s.missed(RoleServer, seg)
	}
	if s.Acked < s.Log.Len() && (seg.Plain || seg.Ack != reassembly.NoAck && (seg.Length > 0 || seg.Repeated == 0)) {
		s.kernelAck(seg)
	}
	if looked = seg.Length > 0 && (s.Kind == RESP || s.carriesRESP(RoleServer, seg)); looked {
		s.Prev.ReplyBytes = true
		if s.partial.started {
			if gap := seg.Time.Sub(s.partial.last); gap > s.partial.maxGap {
				s.partial.maxGap = gap
			}
			s.partial.last = seg.Time
		}
		if !s.Fed[RoleServer] {
			s.begin(RoleServer, seg)
		}
		reply := &s.Shared.reply
		if seg.Length == len(seg.Payload) && !s.partial.started && s.Answers.Single(seg.Payload, reply) {
			s.reply(reply, seg)
		} else {
			s.severalReplies(seg, reply)
		}
		if ack := s.AckSeen[RoleClient]; !s.noDelay && seg.Length < smallPacket && seg.Repeated == 0 && ack != reassembly.NoAck && ack < seg.Offset-seg.Framing {
			s.noDelay = true
		}
		s.LastData[RoleServer] = dataMark{seg.Time, seg.File, true, seg.Frame}
		if !s.steady {
			s.settle()
		}
	}
	s.AckSeen[RoleServer] = max(s.AckSeen[RoleServer], seg.Ack)
	return looked
}

// smallPacket is less than any full segment: the least maximum of IPv4 (RFC 879).
const smallPacket = 536

// severalReplies takes a segment that does not hold exactly one reply.
func (s *Session) severalReplies(seg *reassembly.Segment, reply *resp.Reply) {
	s.partial.short(s, reply, seg)
	s.Answers.Feed(seg.Payload, seg.Length-len(seg.Payload))
	for s.Kind.decoded() {
		err := s.Answers.Next(reply)
		if err == resp.ErrShort {
			break
		}
		if err != nil && noRedis(s) {
			stopPairing(s, Unparsed)
			return
		}
		if err != nil {
			reportMalformed(s, RoleServer, seg, err)
			s.partial.started = false
			s.doubts.doubt(s, -maxAnchor, s.Pending.Len(), false)
			continue
		}
		s.steady = s.steady && !reply.Resynced && !reply.PushInside && reply.LostBefore == 0
		s.reply(reply, seg)
	}
	if _, ok := s.Answers.Partial(); ok && s.Kind.decoded() {
		if !s.partial.started {
			s.partial = replyProgress{k: seg.Ack, first: seg.Time, last: seg.Time, frame: seg.Frame, started: true}
		}
	} else {
		s.partial.started = false
	}
}

// describe fills info from a reply and the segments that carried it.
func (s *Session) describe(info *ReplyInfo, r *resp.Reply, seg *reassembly.Segment) {
	// Field by field, all of them: a composite literal is built aside and copied.
	info.Start, info.End, info.K, info.Frame, info.File = r.Start, r.End, seg.Ack, seg.Frame, seg.File
	info.FirstTime, info.Time, info.MaxGap = seg.Time, seg.Time, 0
	info.Kind, info.N, info.Resynced = r.Kind, r.N, r.Resynced || r.LostBefore > 0
	if s.partial.started {
		if r.Start < seg.Offset {
			info.K, info.FirstTime, info.MaxGap = s.partial.k, s.partial.first, s.partial.maxGap
		}
		s.partial.started = false
	}
	info.Text.Set(r.Text, textLength(r))
}

func textLength(r *resp.Reply) int {
	switch r.Kind {
	case resp.Bulk, resp.Verbatim:
		return int(max(r.N, int64(len(r.Text))))
	}
	return len(r.Text)
}

// reply takes a reply that ends in seg. Nothing contradicts one that the server sent after it had the oldest pending command,
// and that any such command may get, where the connection is steady: then all that is asked below has its answer.
func (s *Session) reply(r *resp.Reply, seg *reassembly.Segment) {
	if s.steady && s.Pending.Len() > 0 && !s.partial.started {
		if ex := s.Pending.Front(); ex.Verb == OtherVerb && seg.Ack >= ex.End && ex.Flags&Queued == 0 && ex.Call.Plain(r) &&
			(s.Pending.Len() == 1 || suspect(s, r, seg) == 0) {
			s.describe(&ex.Serves, r, seg)
			s.Pending.Pop()
			s.ReplyCount++
			s.replyBytes += r.End - r.Start
			ex.due, ex.Served = 0, true
			s.Shared.Known.Answered(&ex.facts, r, &s.db.Last)
			s.Sink.Served(ex, r)
			s.Shared.Release(ex)
			return
		}
	}
	s.describe(&s.Shared.info, r, seg)
	if s.steady && r.Kind == resp.Push && !r.PushInside && r.LostBefore == 0 && !r.Resynced && !isConfirmation(r) {
		s.Pushes++
		reportOdd(s, PushMessage, r, &s.Shared.info)
		return
	}
	s.match(r, &s.Shared.info, seg)
}

// match finds the command that a reply serves: the oldest pending one, unless something contradicts.
func (s *Session) match(r *resp.Reply, info *ReplyInfo, seg *reassembly.Segment) {
	s.steady = false
	if r.LostBefore > 0 || r.Resynced {
		s.hidden.Reframed++
		s.doubts.doubtReplies(s, r.LostBefore, r.Start)
	}
	if r.PushInside {
		reportOdd(s, PushInReply, r, info)
	}
	if len(s.spilled) > 0 && r.Kind != resp.Push {
		takeSpilled(s, r, info)
		return
	}
	if s.Mode.outOfBand(r, s.Pending.Len()) || s.Unanchored() && s.joinsStream(r) {
		s.Pushes++
		reportOdd(s, PushMessage, r, info)
		return
	}
	if isConfirmation(r) && s.confirms(r, info) {
		return
	}
	if s.rejected(r) {
		s.accepted++
		reportOdd(s, AtAccept, r, info)
		return
	}
	if s.Unanchored() && s.refuses(r) {
		s.open.anchorAtRefusal(s)
	}
	switch {
	case s.Unanchored() && !s.open.beforeLoss(s):
		s.open.unanchored(s, r, info)
		return
	case s.contradictory() && s.open.missing != nil:
		s.open.weigh(s, r, info)
		return
	case s.contradictory():
		s.open.add(s.Shared, r, info)
		if len(s.open.replies) >= maxBuffered {
			s.open.resolve(s, false, false)
		}
		return
	case s.Pending.Len() == 0:
		s.unasked(r, info, seg)
		return
	}
	ex := s.Pending.Front()
	switch f, _ := fitOf(s, ex, r, info); f {
	case align.TooSoon:
		s.unasked(r, info, seg)
		return
	case align.Unfit, align.Foreign:
		if s.refuses(r) {
			s.unasked(r, info, seg)
			return
		}
		if !s.Unanchored() {
			s.doubts.contradicted(s, r, info)
			return
		}
	}
	if s.refuses(r) && ex.Index > s.badAfter {
		s.unasked(r, info, seg)
		return
	}
	if s.Pending.Len() > 1 {
		if by := suspect(s, r, seg); by > 0 {
			s.open = &unresolved{missing: align.NewLost(by, s.Pending.Len())}
			s.open.weigh(s, r, info)
			return
		}
	}
	s.replyBytes += r.End - r.Start
	if ex.due--; r.Kind == resp.Error {
		ex.due = 0 // one error stands for all confirmations
	}
	if ex.due <= 0 {
		s.Pending.Pop()
	}
	ex.Serves = *info
	s.serve(ex, r)
	if ex.due <= 0 {
		s.Shared.Release(ex)
	}
}

// joinsStream recognises that a connection caught in the middle is a subscriber or a MONITOR.
func (s *Session) joinsStream(r *resp.Reply) bool {
	if s.Pending.Len() > 0 {
		if f, _ := fitOf(s, s.Pending.Front(), r, &s.Shared.info); f == align.Fits {
			return false
		}
	}
	switch {
	case isMessage(r):
		s.Kind = PubSub
		s.Mode.Subs = max(s.Mode.Subs, 1)
		return true
	case r.Kind == resp.Simple && resp.IsMonitorLine(r.Text):
		s.Kind, s.Mode.monitor = Monitor, monitorOn
		return true
	}
	return false
}

// confirms takes the confirmations of SUBSCRIBE and its family: one for each channel, in band in RESP2, as pushes in
// RESP3; and those by which the server ends a subscription on its own.
func (s *Session) confirms(r *resp.Reply, info *ReplyInfo) bool {
	ex := s.awaitsConfirmation()
	if ex == nil || ex != s.Pending.Front() {
		own := r.Kind == resp.Push || confirmation(r) == 5 && s.Mode.kinds[2] > 0
		if ex == nil && !own && s.quietSubs > 0 {
			own = true
			s.quietSubs--
		}
		if ex == nil && own || ex == nil && s.Unanchored() && s.Pending.Len() == 0 {
			s.Mode.confirm(r)
			s.Pushes++
			reportOdd(s, PushMessage, r, info)
			return true
		}
		if ex == nil {
			return false
		}
		// The pairing is in doubt, and this anchors it: what is pending before was answered, or never will be.
		if s.contradictory() {
			s.open.resolve(s, false, true)
		}
		if s.Unanchored() {
			s.open.guess(s)
		}
		for s.Pending.Len() > 0 && s.Pending.Front() != ex {
			s.DropPending()
		}
		s.open = nil
		if s.Pending.Len() == 0 {
			return true
		}
	}
	s.Mode.confirm(r)
	if s.Mode.Subs > 0 && s.Kind == RESP {
		s.Kind = PubSub
	}
	if r.Kind == resp.Push {
		ex.Flags |= Pushed
	}
	switch k := confirmation(r); {
	case k < 3 || ex.argc != 1:
	case s.Mode.kinds[k-3] > 0:
		ex.due++ // UNSUBSCRIBE without arguments: one for each channel
	case s.Start == reassembly.MidStream || s.SeenHole():
		s.quietSubs = s.Mode.Subs // of which the capture may not have seen the subscription
	}
	ex.due--
	if !ex.Served {
		ex.Serves = *info
		s.serve(ex, r)
	} else {
		ex.confirmations++
	}
	if ex.due <= 0 {
		s.Pending.Pop()
		s.Shared.Release(ex)
	}
	return true
}

// awaitsConfirmation returns the command that a confirmation answers: the front, or, where the pairing is in doubt, the
// first that subscribes.
func (s *Session) awaitsConfirmation() *Exchange {
	for i, ex := range s.Pending.Rest() {
		if i > 0 && s.open == nil {
			return nil
		}
		if ex.Flags&Subscribing != 0 {
			return ex
		}
	}
	return nil
}

// serve ties the reply in ex.Serves to its command and moves the mode by it.
func (s *Session) serve(ex *Exchange, r *resp.Reply) {
	s.ReplyCount++
	ex.Served = true
	if ex.Unsure {
		s.unsureMode = false
	}
	if ex.Flags&Uncertain == 0 && ex.Contradiction == "" {
		s.Shared.Known.Answered(&ex.facts, r, &s.db.Last)
	}
	if !s.steady {
		s.Mode.answered(s, ex, r)
	}
	s.Sink.Served(ex, r)
}

// Replied ties a reply that cannot be read to the oldest command.
func (s *Session) Replied(info *ReplyInfo) {
	ex := s.Pending.Pop()
	ex.due, ex.Serves = 0, *info
	s.serve(ex, &s.Shared.sealed)
	s.Shared.Release(ex)
}

// unasked takes a reply that no command asked for.
func (s *Session) unasked(r *resp.Reply, info *ReplyInfo, seg *reassembly.Segment) {
	switch {
	case r.Kind == resp.Error && s.ReplyCount == 0 && s.Start != reassembly.MidStream && info.K <= 0:
		s.accepted++
		reportOdd(s, AtAccept, r, info)
	case s.refuses(r):
		s.ReplyCount++
		s.Mode.Ending = refused
		reportTorn(s, true)
		s.queues.unanswered(s, s.Pending.Len())
		reportOdd(s, ProtocolError, r, info)
	case unseenCommand(s, info.K):
		// The server has bytes of the client that the capture does not, or does not yet.
		if !s.Unanchored() {
			s.doubts.doubtCommands(s, info.K-s.Prev.end, s.CommandCount+1)
		}
		s.open.unanchored(s, r, info)
	case s.Unanchored() || s.requests.Lost() || s.Answers.Lost() || s.fromBefore():
		s.unanchoredReplies++
		reportOdd(s, UnanchoredSeen, r, info)
	default:
		s.unsolicit++
		reportOddity(s, &Oddity{Session: s, What: Unsolicited, Reply: r, Info: info, Exchange: s.lastServed()})
	}
}

// fromBefore reports whether a reply too many may rather answer a command from before the capture, or in a hole: quiet points may
// coincide, and make the pairing begin too early by as many as were in flight.
func (s *Session) fromBefore() bool {
	return s.voted > 0 && s.ReplyCount < s.voted+turnsNeeded
}

// refuses recognises the server's answer to bytes that are no request. The commands before them have been answered by
// then, and what follows is not read.
func (s *Session) refuses(r *resp.Reply) bool {
	return (s.badRequests > 0 || s.Pending.Len() == 0) && r.Kind == resp.Error && bytes.HasPrefix(r.Text, []byte("ERR Protocol error"))
}

// lastServed returns the command that the last reply answered, if it has not been settled.
func (s *Session) lastServed() *Exchange {
	for i := s.Log.Len() - 1; i >= 0; i-- {
		if ex := s.Log.At(i); ex.Served {
			return ex
		}
	}
	return nil
}

// hole takes bytes that were never captured.
func (s *Session) hole(who int, n int64) {
	s.steady, s.holes, s.spilled = false, true, nil
	s.holed[who] = true
	if !s.Kind.decoded() {
		return
	}
	if who == RoleClient {
		s.requests.Gap(n)
	} else {
		s.Answers.Gap(n)
		s.partial.started = false
	}
}

func (s *Session) SeenHole() bool { return s.holed[RoleClient] || s.holed[RoleServer] }

// DropPending gives up waiting for the oldest reply.
func (s *Session) DropPending() {
	ex := s.Pending.Pop()
	ex.Flags |= Uncertain | AfterHole
	ex.LostReply = true
	s.Shared.Release(ex)
}

// finishReplies ends the wait for replies that can no longer come.
func (s *Session) finishReplies(now capture.Time) {
	s.partial.shortAtEnd(s)
	switch {
	case s.open == nil:
	case s.Unanchored():
		s.open.anchorAtEnd(s, now)
	default:
		s.open.resolve(s, isQuiet(s, now), true)
	}
	for s.Pending.Len() > 0 {
		ex := s.Pending.Pop()
		s.Shared.Release(ex)
	}
}

// rejected reports whether a reply is the error that Redis sends only when it accepts a connection beyond maxclients
// (src/networking.c, acceptCommonHandler). It answers no command, even if the server's kernel had one by then.
func (s *Session) rejected(r *resp.Reply) bool {
	return s.ReplyCount == 0 && s.Start != reassembly.MidStream && r.Kind == resp.Error && bytes.HasPrefix(r.Text, []byte("ERR max number of clients"))
}
