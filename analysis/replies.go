package analysis

import (
	"bytes"
	"errors"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// serverBytes takes what the server sent.
func (s *Session) serverBytes(seg *reassembly.Segment) {
	mark := segmentMark{frame: seg.Frame, file: seg.File, time: seg.Time, ack: seg.Ack, length: seg.Length, seen: true}
	s.prev.replyBytes = true
	if s.partial.started {
		if gap := seg.Time.Sub(s.partial.last); gap > s.partial.maxGap {
			s.partial.maxGap = gap
		}
		s.partial.last = seg.Time
	}
	s.begin(roleServer, seg)
	s.answers.Feed(seg.Payload, seg.Length-len(seg.Payload))
	reply := &s.run.reply
	for s.Kind.decoded() {
		err := s.answers.Next(reply)
		if errors.Is(err, resp.ErrShort) {
			break
		}
		if err != nil {
			s.run.malformed(s, roleServer, seg, err)
			s.partial.started = false
			s.doubt()
			continue
		}
		info := &s.run.info
		s.describe(info, reply, seg)
		s.reply(reply, info, seg)
	}
	if _, ok := s.answers.Partial(); ok && s.Kind.decoded() {
		if !s.partial.started {
			s.partial = replyProgress{k: seg.Ack, first: seg.Time, last: seg.Time, frame: seg.Frame, started: true}
		}
	} else {
		s.partial.started = false
	}
	s.lastSeg[roleServer] = mark
	if s.waiting {
		s.settle()
	}
}

// describe fills info from a reply and the segments that carried it.
func (s *Session) describe(info *ReplyInfo, r *resp.Reply, seg *reassembly.Segment) {
	*info = ReplyInfo{
		Start: r.Start, End: r.End, K: seg.Ack, Frame: seg.Frame, File: seg.File,
		FirstTime: seg.Time, Time: seg.Time, Kind: r.Kind, N: r.N, Resynced: r.Resynced || r.LostBefore > 0,
	}
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

// reply finds the command that a reply serves.
func (s *Session) reply(r *resp.Reply, info *ReplyInfo, seg *reassembly.Segment) {
	if r.LostBefore > 0 || r.Resynced {
		s.doubt()
	}
	if r.PushInside {
		s.run.odd(s, PushInReply, r, info)
	}
	if s.mode.outOfBand(r) {
		s.pushes++
		s.run.pushed(s, r, info)
		return
	}
	if s.doubtful && !s.anchor(r, info) {
		s.run.odd(s, UnanchoredSeen, r, info)
		return
	}
	if s.pending.len() > 0 && s.confirms(r, info) {
		return
	}
	if s.pending.len() == 0 {
		s.unasked(r, info, seg)
		return
	}
	ex := s.pending.front()
	if info.K != reassembly.NoAck && info.K < ex.End && !s.seenHole() {
		s.unasked(r, info, seg) // the server's kernel did not have all of the command yet
		return
	}
	s.replies++
	ex.due--
	if ex.due <= 0 {
		s.pending.pop()
	}
	s.serve(ex, r, info)
	if ex.due <= 0 {
		s.run.release(ex)
	}
}

// confirms takes the confirmations of SUBSCRIBE and its family: one for each channel, in band in RESP2, as pushes in
// RESP3.
func (s *Session) confirms(r *resp.Reply, info *ReplyInfo) bool {
	if !isConfirmation(r) {
		return false
	}
	s.mode.confirm(r)
	if s.mode.subs > 0 && s.Kind == RESP {
		s.Kind = PubSub
	}
	ex := s.pending.front()
	if ex.Flags&Subscribing == 0 {
		if r.Kind == resp.Push || confirmation(r) == 5 {
			s.pushes++ // the server unsubscribed the client on its own
			return true
		}
		return false
	}
	s.replies++
	if r.Kind == resp.Push {
		ex.Flags |= Pushed
	}
	if ex.Name.Len() > 0 && confirmation(r) >= 3 && ex.argc == 1 {
		if s.mode.kinds[confirmation(r)-3] > 0 {
			ex.due++ // UNSUBSCRIBE without arguments: one for each channel
		}
	}
	if !ex.Served {
		s.serve(ex, r, info)
	} else {
		ex.confirmations++
	}
	ex.due--
	if ex.due <= 0 {
		s.pending.pop()
		s.run.release(ex)
	}
	return true
}

// serve ties a reply to its command and moves the mode by it.
func (s *Session) serve(ex *Exchange, r *resp.Reply, info *ReplyInfo) {
	ex.Served = true
	ex.Serves = *info
	if ok, why := ex.Call.Allows(r); !ok && !s.mode.allowsAnyway(ex, r) {
		ex.contradiction = why
		s.contradictions++
	} else if s.doubtful {
		s.anchored++
		if s.anchored >= 3 {
			s.doubtful = false
		}
	}
	failed := r.Kind == resp.Error
	v := ex.verb
	switch {
	case v == verbMonitor && !failed && ex.Flags&Queued == 0:
		s.mode.monitor = true
		s.Kind = Monitor
	case v == verbReset && !failed:
		s.mode.resp3, s.mode.monitor, s.mode.subs = false, false, 0
	case v == verbHello && !failed:
		s.mode.resp3 = ex.hello3
	case v == verbMulti && failed && ex.Index == s.mode.multiIndex:
		s.mode.inMulti = false
	case v == verbPsync && !failed:
		s.becomeReplication()
	}
	if lat := info.FirstTime.Sub(ex.EndTime); lat > suspectGap && ex.Flags&Blocks == 0 {
		s.suspect = true
	}
	if s.blockTold != nil {
		s.blockServed(ex)
	}
	s.run.served(s, ex, r)
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

// unasked takes a reply that no command asked for.
func (s *Session) unasked(r *resp.Reply, info *ReplyInfo, seg *reassembly.Segment) {
	if r.Kind == resp.Error && s.replies == 0 && s.Start != reassembly.MidStream && info.K <= 0 {
		s.accepted++
		s.run.odd(s, AtAccept, r, info)
		return
	}
	if isConfirmation(r) {
		s.mode.confirm(r)
		s.pushes++
		return
	}
	if s.Start == reassembly.MidStream && s.commands == 0 || s.doubtful || s.seenHole() {
		if r.Kind == resp.Array && len(r.Elems) >= 3 && bytes.HasSuffix(r.Elems[0].Text, []byte("message")) {
			s.Kind = PubSub
			s.mode.subs = max(s.mode.subs, 1)
			s.pushes++
			return
		}
		if r.Kind == resp.Simple && monitorLine(r.Text) {
			s.Kind, s.mode.monitor = Monitor, true
			s.pushes++
			return
		}
		s.unanchoredReplies++
		return
	}
	s.unsolicit++
	s.run.odd(s, Unsolicited, r, info)
}

// hole takes bytes that were never captured.
func (s *Session) hole(who int, n int64) {
	s.holes = true
	s.holed[who] = true
	if !s.Kind.decoded() {
		return
	}
	if who == roleClient {
		s.requests.Gap(n)
	} else {
		s.answers.Gap(n)
		s.partial.started = false
	}
}

func (s *Session) seenHole() bool { return s.holed[roleClient] || s.holed[roleServer] }

// anchor decides which command a reply serves after bytes were lost: the commands that the server cannot have had yet
// are out (their K rule), and so are those whose reply the caller demonstrably had before.
func (s *Session) anchor(r *resp.Reply, info *ReplyInfo) bool {
	for s.pending.len() > 0 {
		ex := s.pending.front()
		if info.K != reassembly.NoAck && info.K < ex.End {
			return false // older than every command that waits
		}
		// A command behind this one was written when the client had everything up to the start of this reply: a
		// lockstep client had finished with the earlier one by then.
		if s.pending.len() > 1 && s.pending.at(1).Ack >= info.Start && ex.Flags&AfterHole != 0 {
			s.dropPending()
			continue
		}
		if ok, _ := ex.Call.Allows(r); !ok && !s.mode.allowsAnyway(ex, r) && s.pending.len() > 1 {
			s.dropPending()
			continue
		}
		return true
	}
	return false
}

// dropPending gives up waiting for the oldest reply.
func (s *Session) dropPending() {
	ex := s.pending.pop()
	ex.Flags |= Uncertain | AfterHole
	ex.lostReply = true
	s.run.release(ex)
}

// finishReplies ends the wait for replies that can no longer come.
func (s *Session) finishReplies() {
	for s.pending.len() > 0 {
		ex := s.pending.pop()
		s.run.release(ex)
	}
}

// lastReply returns when the last byte of the server arrived.
func (s *Session) lastReply() capture.Time { return s.lastSeg[roleServer].time }
