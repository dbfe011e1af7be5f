package analysis

import (
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

func (r *Run) commandSent(s *Session, ex *pairing.Exchange, req *resp.Request) {
	r.summary.Commands++
	if s.CommandCount == 1 {
		r.summary.RESP++
		if s.Start == reassembly.MidStream {
			r.summary.MidStream++
		}
	}
	s.facts.Command(&s.Session, ex)
	s.topo.Sent(ex, req)
	if !r.forRules {
		r.tellSent(s, ex, req)
	}
}

func (r *Run) tellSent(s *Session, ex *pairing.Exchange, req *resp.Request) {
	r.output.sent = Sent{s, ex, req}
	r.emit(&r.output.sent)
}

func (r *Run) tellAnswered(s *Session, ex *pairing.Exchange, reply *resp.Reply) {
	r.output.answered = Answered{s, ex, reply, ex.Contradiction, ex.Foreign}
	r.emit(&r.output.answered)
}

func (r *Run) served(s *Session, ex *pairing.Exchange, reply *resp.Reply) {
	r.summary.Replies++
	if !r.forRules || reply.Kind == resp.Error || ex.Contradiction != "" {
		r.tellAnswered(s, ex, reply)
	}
	s.topo.Answered(ex, reply)
}

// Key returns a command's first key as it may be printed.
func (r *Run) Key(ex *pairing.Exchange) string { return r.judging.Print.Key(ex) }

// Describe says what a reply is without giving a value away, unless values are to be shown.
func (r *Run) Describe(ex *pairing.Exchange, in *pairing.ReplyInfo) string {
	return r.judging.Print.Describe(ex, in)
}

// ShowsValues reports whether values may be printed.
func (r *Run) ShowsValues() bool { return r.o.ShowValues }

// Unjudged returns the clients whose policy would have to be known to judge what they did, by address.
func (r *Run) Unjudged() []*reader.Unjudged { return r.judging.Unjudged() }
