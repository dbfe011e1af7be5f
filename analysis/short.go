package analysis

import (
	"fmt"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// singleWrite is the size up to which Redis hands a reply to the kernel at once (PROTO_REPLY_CHUNK_BYTES): a pause
// inside a smaller one is not that of a full socket buffer.
const singleWrite = 16 << 10

// short recognises an aggregate of which the server wrote fewer elements than it announced: it stopped between two
// elements, the client had all of it and the server nothing more to say, and only after a further command, which the
// server had by then, bytes came again. The decoder is told to end the aggregate there.
func (p *replyProgress) short(s *Paired, reply *resp.Reply, seg *reassembly.Segment) {
	if s.pending.len() < 2 || seg.Missing > 0 || s.open != nil {
		return
	}
	o, open := s.answers.Open()
	if !open || !o.Boundary || o.Declared <= o.Received {
		return
	}
	tail, stopped := &s.prev, &s.lastData[roleServer]
	idle := tail.time.Sub(stopped.time)
	if !tail.valid || idle < max(quietAfter, 3*s.minRTT) || tail.ack != s.answers.Offset() || seg.Ack == reassembly.NoAck || seg.Ack < tail.end ||
		s.answers.Offset()-o.Start >= singleWrite || s.closedWindow {
		return
	}
	s.answers.Abandon()
	if s.answers.Next(reply) != nil || !reply.Abandoned {
		return
	}
	info := &s.shared.info
	*info = ReplyInfo{
		Start: o.Start, End: s.answers.Offset(), K: p.k, Frame: p.frame, File: stopped.file,
		FirstTime: p.first, Time: stopped.time, Kind: o.Kind, N: reply.N,
	}
	p.started = false
	reportOddity(s, &Oddity{
		Session: s, What: ShortReply, Reply: reply, Info: info, Exchange: s.pending.front(), Gap: idle,
		Text: fmt.Sprintf("%d elements announced, %d written", o.Declared, o.Received),
	})
	s.reply(reply, info, seg)
}

// shortAtEnd recognises the array of an EXEC that was still short when the connection ended, where the transaction held
// what makes servers write fewer elements than they announce.
func (p *replyProgress) shortAtEnd(s *Paired) {
	o, open := s.answers.Open()
	if !open || !o.Boundary || o.Declared <= o.Received || s.open != nil || s.Lossy() || s.pending.len() == 0 ||
		s.pending.front().verb != verbExec || !s.block.open || !s.block.shortens() || s.closing[roleServer].rst {
		return
	}
	stopped := &s.lastData[roleServer]
	reportOddity(s, &Oddity{
		Session: s, What: ShortReply, Exchange: s.pending.front(), Gap: s.Last.Sub(stopped.time),
		Info: &ReplyInfo{
			Start: o.Start, End: s.answers.Offset(), K: p.k, Frame: p.frame, File: stopped.file,
			FirstTime: p.first, Time: stopped.time, Kind: o.Kind, N: o.Declared,
		},
		Text: fmt.Sprintf("%d elements announced, %d written", o.Declared, o.Received),
	})
}
