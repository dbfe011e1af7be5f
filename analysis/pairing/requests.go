package pairing

import (
	"bytes"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// BatchGap is the longest pause between two pieces of one write that a single call into the kernel makes.
const BatchGap = 20 * time.Microsecond

// FromClient takes a segment of the client: what is missing before it, the commands in its payload, its window and ACK
// number. It reports whether commands were looked for.
func (s *Session) FromClient(seg *reassembly.Segment) (looked bool) {
	s.Last = seg.Time
	if !seg.Plain || seg.HasTS && !s.hidden.clocks.Follows(RoleClient, seg) {
		s.missed(RoleClient, seg)
	}
	if looked = seg.Length > 0 && (s.Kind == RESP || s.carriesRESP(RoleClient, seg)); looked {
		if s.Answers.Lost() {
			closeCut(s, seg)
		}
		mark := &s.Shared.mark
		s.MarkOf(seg, mark)
		if !s.Fed[RoleClient] {
			s.begin(RoleClient, seg)
		}
		req := &s.Shared.request
		if seg.Length == len(seg.Payload) && s.torn == nil && s.requests.Single(seg.Payload, req) {
			s.Wrote(req, seg, mark) // one command in a segment of its own: nearly all are
		} else {
			watchTorn(s, seg)
			s.severalRequests(seg, mark)
		}
		s.LastData[RoleClient] = dataMark{seg.Time, seg.File, true, seg.Frame}
		if !s.steady {
			s.settle()
		}
	}
	if seg.Flags&reassembly.SYN == 0 {
		s.closedWindow = seg.Window == 0
	}
	if seg.Length == 0 {
		s.bareAck = max(s.bareAck, seg.Ack)
	}
	s.AckSeen[RoleClient] = max(s.AckSeen[RoleClient], seg.Ack)
	return looked
}

// severalRequests takes a segment that does not hold exactly one command.
func (s *Session) severalRequests(seg *reassembly.Segment, mark *SegmentMark) {
	s.requests.Feed(seg.Payload, seg.Length-len(seg.Payload))
	req := &s.Shared.request
	for s.Kind.decoded() {
		err := s.requests.Next(req)
		if err == resp.ErrShort {
			break
		}
		if err != nil {
			s.badRequest(seg, err)
			continue
		}
		start := mark
		if req.Start < seg.Offset {
			start = &s.reqStart
			if !start.seen {
				start = mark
			}
		}
		s.steady = s.steady && !req.Opaque && !req.Resynced && !req.Doubtful && req.LostBefore == 0
		s.Wrote(req, seg, start)
	}
	if from, ok := s.requests.Partial(); ok && from >= seg.Offset {
		s.reqStart = *mark
	}
}

// MarkOf describes a segment of the client with new bytes.
func (s *Session) MarkOf(seg *reassembly.Segment, m *SegmentMark) {
	m.frame, m.file, m.time, m.ack = seg.Frame, seg.File, seg.Time, seg.Ack
	m.ts, m.hasTS, m.late, m.seen = seg.TSEcr, seg.HasTS, seg.Late, true
	if m.full = false; seg.Length >= s.fullSize {
		m.full, s.fullSize = seg.Length > 500, seg.Length
	}
}

// Wrote makes an exchange of a command that begins in the segment start and ends in seg, and finds its place among those
// of its connection, and what reply it is due.
func (s *Session) Wrote(req *resp.Request, seg *reassembly.Segment, start *SegmentMark) {
	s.CommandCount++
	s.askedBytes += req.End - req.Start
	s.Shared.InUse++
	ex := s.Shared.exchanges.Get()
	ex.reset()
	ex.Session, ex.Index = s, s.CommandCount
	cmd, key, keyed := commands.Describe(req, &ex.Call)
	ex.Command = cmd
	if cmd == nil {
		ex.Name.Set(req.Args[0].Bytes, req.Args[0].Len)
	}
	if keyed {
		ex.Key.Set(key.Bytes, key.Len)
		ex.HasKey, s.Keyed = true, true
		if !ex.Key.Whole() && ex.Call.SlotDue() {
			ex.Call.Locate(key.Bytes)
		}
	}
	ex.Start, ex.Before, ex.End = req.Start, max(req.Start-(s.Prev.next-s.Prev.end), s.Prev.end), req.End
	ex.Ack, ex.Late = start.ack, start.late
	ex.Frame, ex.File, ex.Time, ex.EndTime = start.frame, start.file, start.time, seg.Time
	ex.TsEcr, ex.HasTS, ex.Full, ex.Shared, ex.Unsure = start.ts, start.hasTS, start.full, false, false
	ex.argc = req.NArgs
	ex.Outstanding = s.Pending.Len()
	if s.open != nil && s.open.missing != nil {
		ex.Outstanding -= len(s.open.replies) // which came
	}
	if s.Prev.Valid {
		ex.idle = ex.Time.Sub(s.Prev.EndTime)
	}
	if s.steady && ordinary[cmd.ID()] {
		ex.due = 1
	} else {
		s.examine(ex, req)
	}
	ex.totalDue = ex.due
	ex.facts = known.Of(s.db.Place, cmd, req)
	p := &s.Prev
	same := p.Valid && p.SameWrite(ex, start)
	if !same && !p.continues(ex) {
		s.batches++
	}
	ex.Batch = s.batches
	if same && p.Ex != nil {
		p.Ex.Shared, ex.Shared = true, true
	}
	if s.contradictory() && ex.Batch != s.Prev.batch {
		s.open.batches++
		s.open.resolve(s, isQuiet(s, ex.Time), false)
	}
	s.Sink.Sent(ex, req, start)

	s.Log.Push(ex)
	ex.Refs = 1
	if ex.Flags&NoReplyDue == 0 && ex.due > 0 {
		s.Pending.Push(ex)
		ex.Refs = 2
		if s.Pending.Len() > maxOutstandingFlood && s.Kind != TLS {
			s.boundPending()
		}
	}
	s.Prev.follow(ex, start)
	if !s.steady {
		if s.Unanchored() && s.Pending.Len() > 0 && s.Pending.Rest()[s.Pending.Len()-1] == ex {
			s.open.asks(s)
		}
		watchMonitor(s, ex)
		if v := ex.Verb; v == verbSync || v == verbReplconf && ex.Flags&NoReplyDue != 0 {
			becomeReplication(s)
		}
	}
}

// examine looks what a command does to the modes of the connection, and what replies it is due.
func (s *Session) examine(ex *Exchange, req *resp.Request) {
	s.steady = false
	v := verbOf(ex.Command, req)
	ex.Verb = v
	if ex.Command == nil && (!req.Args[0].Whole() || req.Inline || req.Resynced || req.Doubtful || req.LostBefore > 0 || s.badRequests > 0 || s.SeenHole()) {
		ex.Flags |= Misplaced
	}
	s.framed = s.framed || !req.Inline
	s.spelled = s.spelled || ex.Command != nil
	if req.LostBefore > 0 || req.Resynced {
		s.hidden.Reframed++
		s.lostRequests(req)
	}
	if s.holes {
		ex.Flags |= AfterHole
		s.holes = false
	}
	if s.Unanchored() {
		if s.open.quietPoint(s, ex); s.Unanchored() {
			ex.Flags |= Uncertain
		}
	}
	if req.LostBefore > 0 || req.Opaque && hidesMode(req) {
		s.unsureMode = true
	}
	ex.Unsure = s.unsureMode || req.Resynced || req.Doubtful || req.LostBefore > 0
	if v == VerbHello {
		ex.hello = protocolAsked(req)
	}
	if s.Shared.ShowValues {
		_, ex.secretReply = commands.Secrets(req)
	}
	s.Mode.request(v, req, ex)
	switch v {
	case VerbSelect:
		s.db.Select(req)
	case VerbReset:
		s.db.Enter(0)
	}
	if ex.Flags&Subscribing != 0 && ex.Flags&NoReplyDue != 0 {
		s.quietSubs = ex.due // Redis 7 confirms all the same: it counts them as pushes, in RESP2 too
	}
	if wait, blocks := ex.Command.BlockTimeout(req); blocks && ex.Flags&Queued == 0 {
		ex.Flags |= Blocks
		ex.BlockFor = wait
	}
	s.described = !s.Sink.Describe(v, req, ex)
}

// hidesMode reports whether the bytes of a request that the capture lacks may have switched replies off.
func hidesMode(req *resp.Request) bool {
	name := req.Args[0]
	if !name.Whole() {
		return true
	}
	return bytes.EqualFold(name.Bytes, []byte("CLIENT")) && (len(req.Args) < 3 || !req.Args[1].Whole() || !req.Args[2].Whole())
}

// boundPending gives up on the oldest reply where more are due than may wait.
func (s *Session) boundPending() {
	limit := s.Shared.limits.outstanding
	switch {
	case s.Shared.InUse > 4*s.Shared.MaxLog:
		limit = s.Shared.limits.outstandingFlood
	case s.Shared.InUse > 2*s.Shared.MaxLog:
		limit = s.Shared.limits.outstandingEach
	}
	if s.Pending.Len() <= limit.Limit {
		return
	}
	limit.Hits++
	switch {
	case !s.Unanchored():
		s.doubts.doubt(s, -maxAnchor, maxAnchor+maxBuffered, false)
	case len(s.open.replies) > 0:
		s.open.guess(s) // before the places that they are buffered for move
	}
	for s.Pending.Len() > limit.Limit {
		s.DropPending()
	}
	s.Sink.Overrun()
}

// continues reports whether a command is of the batch of the tail though it begins in a segment of its own: that one
// directly follows, with no byte from the server between.
func (t *tail) continues(ex *Exchange) bool {
	return t.Valid && !t.ReplyBytes && t.Ack == ex.Ack && t.next == ex.Start && (ex.Time.Sub(t.EndTime) < BatchGap || t.Full)
}

// SameWrite reports whether a command begins in the segment that the tail began in, or in one that was captured in the
// same moment and directly follows: a large write cut into pieces on its way.
func (t *tail) SameWrite(ex *Exchange, start *SegmentMark) bool {
	return t.frame == start.frame && t.file == start.file || ex.Time == t.EndTime && ex.Start == t.next
}

// maxAwaited bounds how many outstanding commands are looked at on each packet of a client that never reads.
const maxAwaited = 64

// Awaited reports whether a caller should be waiting for a reply: blocking commands are waited for elsewhere.
func (s *Session) Awaited() bool {
	q := &s.Pending
	for i := len(q.items) - 1; i >= q.head && i >= len(q.items)-maxAwaited; i-- {
		if q.items[i].Flags&(Blocks|Uncertain) == 0 {
			return true
		}
	}
	if q.Len() > maxAwaited {
		s.Shared.limits.awaited.Hits++
	}
	return false
}

// badRequest is a place where the client's bytes are no request.
func (s *Session) badRequest(seg *reassembly.Segment, err error) {
	s.steady = false
	s.badRequests++
	s.badAfter = s.CommandCount
	reportMalformed(s, RoleClient, seg, err)
}

// lostRequests takes the bytes before a request that were no request, or were never captured. Where the server has
// nothing to complain of and the capture is whole, they are what the server calls a protocol error.
func (s *Session) lostRequests(req *resp.Request) {
	if s.badAfter == s.CommandCount-1 && s.badRequests > 0 && !s.SeenHole() && s.Start != reassembly.MidStream {
		return
	}
	s.doubts.doubtCommands(s, req.LostBefore, s.CommandCount)
}

// beginsRequest reports whether a payload may be the start of a request, whole or cut into pieces on its way.
func beginsRequest(p []byte) bool {
	if len(p) > 0 && p[0] == '*' {
		return len(p) == 1 || p[1] >= '1' && p[1] <= '9'
	}
	return commands.Like(p) == commands.LikeRequest
}

// begin sets the place of a role's decoder before its first bytes, once. A stream that is joined in the middle may begin
// inside a value, unless it begins like one: a request at the start of a segment, or a reply at the very place up to
// which the client had received everything when it wrote the first command seen.
func (s *Session) begin(who int, seg *reassembly.Segment) {
	s.Fed[who] = true
	if s.Start != reassembly.MidStream { // what is missing before is lost
		if who == RoleClient {
			s.requests.Gap(seg.Offset - s.requests.Offset())
		} else {
			s.Answers.Gap(seg.Offset - s.Answers.Offset())
		}
		return
	}
	if !s.Unanchored() && s.CommandCount == 0 {
		s.doubts.doubt(s, -maxAnchor, 0, true)
		s.open.anchor.edge = true // nothing says how much was in flight
	}
	if who == RoleClient {
		s.requests.SetOffset(seg.Offset)
		if !beginsRequest(seg.Payload) {
			s.requests.Resync()
		}
		return
	}
	s.Answers.SetOffset(seg.Offset)
	anchored := s.Log.Len() > 0 && s.Log.Front().Index == 1 && s.Log.Front().Ack == seg.Offset-seg.Framing
	if !anchored {
		s.Answers.Resync()
	}
}
