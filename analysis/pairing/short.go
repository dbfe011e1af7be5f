package pairing

import (
	"fmt"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// singleWrite is the size up to which Redis hands a reply to the kernel at once (PROTO_REPLY_CHUNK_BYTES): a pause
// inside a smaller one is not that of a full socket buffer.
const singleWrite = 16 << 10

// short recognises an aggregate of which the server wrote fewer elements than it announced: it stopped between two
// elements, the client had all of it and the server sent nothing more, and only after a further command, which the
// server had by then, bytes came again. The decoder ends the aggregate there.
func (p *replyProgress) short(s *Session, reply *resp.Reply, seg *reassembly.Segment) {
	if s.Pending.Len() < 2 || seg.Missing > 0 || s.open != nil {
		return
	}
	o, open := s.Answers.Open()
	if !open || !o.Boundary || o.Declared <= o.Received {
		return
	}
	tail, stopped := &s.Prev, &s.LastData[RoleServer]
	idle := tail.time.Sub(stopped.Time)
	if !tail.Valid || idle < max(quietAfter, 3*s.MinRTT) || tail.Ack != s.Answers.Offset() || seg.Ack == reassembly.NoAck || seg.Ack < tail.end ||
		s.Answers.Offset()-o.Start >= singleWrite || s.closedWindow {
		return
	}
	s.Answers.Abandon()
	if s.Answers.Next(reply) != nil || !reply.Abandoned {
		return
	}
	info := &s.Shared.info
	*info = ReplyInfo{
		Start: o.Start, End: s.Answers.Offset(), K: p.k, Frame: p.frame, File: stopped.file,
		FirstTime: p.first, Time: stopped.Time, Kind: o.Kind, N: reply.N,
	}
	p.started = false
	reportOddity(s, &Oddity{
		Session: s, What: ShortReply, Reply: reply, Info: info, Exchange: s.Pending.Front(), Gap: idle,
		Text: fmt.Sprintf("%d elements announced, %d written", o.Declared, o.Received),
	})
	s.match(reply, info, seg)
}

// shortAtEnd recognises the array of an EXEC that was still short when the connection ended, where the transaction held
// what makes servers write fewer elements than they announce.
func (p *replyProgress) shortAtEnd(s *Session) {
	o, open := s.Answers.Open()
	if !open || !o.Boundary || o.Declared <= o.Received || s.open != nil || s.Lossy() || s.Pending.Len() == 0 ||
		s.Pending.Front().Verb != verbExec || !s.Block.Open || !s.Block.shortens() || s.Closing[RoleServer].Rst {
		return
	}
	stopped := &s.LastData[RoleServer]
	reportOddity(s, &Oddity{
		Session: s, What: ShortReply, Exchange: s.Pending.Front(), Gap: s.Last.Sub(stopped.Time),
		Info: &ReplyInfo{
			Start: o.Start, End: s.Answers.Offset(), K: p.k, Frame: p.frame, File: stopped.file,
			FirstTime: p.first, Time: stopped.Time, Kind: o.Kind, N: o.Declared,
		},
		Text: fmt.Sprintf("%d elements announced, %d written", o.Declared, o.Received),
	})
}

// closeCut takes what the server sent since the one command that waits as its reply, where the snapshot length took the end
// of it: the client, which had all of it, writes the next command.
func closeCut(s *Session, seg *reassembly.Segment) {
	start, ok := s.Answers.Cut()
	if !ok || s.Pending.Len() != 1 || s.open != nil || seg.Late || seg.Ack != s.Answers.Offset() {
		return
	}
	ex, last := s.Pending.Front(), &s.LastData[RoleServer]
	if ex.Verb != OtherVerb || ex.Flags&(Queued|Subscribing) != 0 || ex.due != 1 || ex.Ack > start || s.AckSeen[RoleServer] < ex.End || !last.Seen {
		return
	}
	r := &s.Shared.reply
	s.Answers.CloseCut(r)
	ex.Serves = ReplyInfo{
		Start: r.Start, End: r.End, K: s.AckSeen[RoleServer], Frame: last.frame, File: last.file, FirstTime: last.Time, Time: last.Time, Kind: r.Kind,
	}
	s.partial.started = false
	s.replyBytes += r.End - r.Start
	ex.due = 0
	s.Pending.Pop()
	s.serve(ex, r)
	s.Shared.Release(ex)
}
