package analysis

import (
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// troubled reports whether a rule may want the exchange.
func (ex *Exchange) troubled() bool { return ex.Flags&GivenUp != 0 || ex.Session.repeated }

func (r *Run) commandSent(s *Session, ex *Exchange, req *resp.Request) {
	r.summary.Commands++
	if s.commands == 1 {
		r.summary.RESP++
		if s.Start == reassembly.MidStream {
			r.summary.MidStream++
		}
	}
	s.facts.Command(s, ex)
	r.locate(s, ex, req)
	if !r.forRules {
		r.tellSent(s, ex, req)
	}
}

func (r *Run) tellSent(s *Session, ex *Exchange, req *resp.Request) {
	r.sent = Sent{s, ex, req}
	r.emit(&r.sent)
}

func (r *Run) tellAnswered(s *Session, ex *Exchange, reply *resp.Reply) {
	r.answered = Answered{s, ex, reply, ex.contradiction, ex.foreign}
	r.emit(&r.answered)
}

func (r *Run) served(s *Session, ex *Exchange, reply *resp.Reply) {
	r.summary.Replies++
	if s.group != nil && ex.Flags&Blocks == 0 {
		s.group.latencies.add(ex.Serves.FirstTime.Sub(ex.EndTime))
		s.group.pop.noteSlow(s, ex)
	}
	if !r.forRules || reply.Kind == resp.Error || ex.contradiction != "" {
		r.tellAnswered(s, ex, reply)
	}
	r.place(s, ex, reply)
}

func (r *Run) controlled(s *Session, seg *reassembly.Segment) {
	r.control = Control{s, seg, s.role(seg.From) == roleClient}
	r.emit(&r.control)
}

func (r *Run) gaveUp(s *Session, ex *Exchange, gap time.Duration, how GaveUp, frame int64, at capture.Time) {
	ex.Flags |= GivenUp
	r.tale.waited(s, ex, gap, at)
	r.emit(&WaitEnded{s, ex, gap, how, frame, at})
}

func (r *Run) odd(s *Session, kind OddityKind, reply *resp.Reply, info *ReplyInfo) {
	r.emit(&Oddity{Session: s, What: kind, Reply: reply, Info: info, Frame: info.Frame, File: info.File, Time: info.Time, Offset: info.Start})
}

// oddity tells of something odd about a reply, with its place.
func (r *Run) oddity(o *Oddity) {
	o.Frame, o.File, o.Time, o.Offset = o.Info.Frame, o.Info.File, o.Info.Time, o.Info.Start
	r.emit(o)
}

func (r *Run) aligned(a *Alignment) {
	if a.NMisfits > 0 {
		r.emit(a)
	}
}

func (r *Run) pushed(s *Session, reply *resp.Reply, info *ReplyInfo) {
	r.summary.Pushes++
	r.odd(s, PushMessage, reply, info)
}

func (r *Run) malformed(s *Session, who int, seg *reassembly.Segment, err error) {
	kind := BadReply
	if who == roleClient {
		kind = BadRequest
	}
	r.emit(&Oddity{Session: s, What: kind, Text: err.Error(), Frame: seg.Frame, File: seg.File, Time: seg.Time, Offset: seg.Offset, Sample: seg.Payload})
}
