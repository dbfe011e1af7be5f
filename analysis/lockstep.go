package analysis

import (
	"strings"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Nearly all commands are alike: one ordinary request in a segment of its own, sent when nothing was due, then its reply,
// whole, soon, and of a kind that the command may have. For these requestAlone and replyAlone do what segment does, without
// asking again for each what has been true of the connection all along. It takes half the instructions.
//
// Whatever else comes takes the long way, which looks at its end whether the short one is open again.

// turn says whose segment the short way can take next.
type turn uint8

const (
	nobodysTurn turn = iota
	clientsTurn      // nothing is due: the log holds one command, answered
	serversTurn      // the log holds one command, and its reply is due
)

// turnNow looks at everything that the short way takes for granted.
func (s *Session) turnNow() turn {
	if s.log.len() != 1 || s.waiting || s.pending.len() > 1 || s.prev.ex != s.log.front() {
		return nobodysTurn
	}
	m := &s.mode
	switch {
	case s.Kind != RESP, !s.roleKnown, s.over, !s.fed[roleClient], !s.fed[roleServer], s.closing != [2]closeMark{}:
		// not two streams of commands and replies under way
	case s.doubtful, s.held != nil, s.holes, s.unsureMode, s.blockUnknown, s.badRequests > 0, s.torn.seen, s.partial.started:
		// the pairing is open, or a request or a reply is
	case m.quit, m.replyOff, m.replySkip, m.inMulti, m.broken, m.monitor, m.monitoring, m.syncing, m.subs != 0, s.block.open:
		// a mode in which no reply is due, or in which it means something else
	case s.guessing, s.desync != nil, s.unread.len() > 0, s.suspect, s.overtaken, s.slowAt != 0, s.blockTold != nil:
		// a caller may have given up
	case !s.handshake.done, s.group == nil:
		// the set-up of the connection is not over
	case s.topo.node == nil, s.topo.tap != nil, s.run.topology.active, s.run.o.ShowValues:
		// somebody looks at keys or values
	default:
		return s.turnOf(s.log.front())
	}
	return nobodysTurn
}

// turnOf says whose turn it is by the only command of the log.
func (s *Session) turnOf(ex *Exchange) turn {
	if s.pending.len() == 0 {
		if ex.Served && s.prev.replyBytes && ex.totalDue == 1 && ex.Flags&^InHandshake == 0 && ex.soon() {
			return clientsTurn
		}
		return nobodysTurn
	}
	if s.pending.front() == ex && !ex.Served && ex.Flags == 0 && ex.due == 1 && !ex.unsure && ex.verb == otherVerb {
		return serversTurn
	}
	return nobodysTurn
}

// soon reports whether the reply came sooner than any client gives up.
func (ex *Exchange) soon() bool {
	return ex.Serves.FirstTime.Sub(ex.EndTime) < suspectGap && ex.Serves.MaxGap < suspectGap
}

// ordinary lists by Command.ID the commands that change nothing on a connection and that no rule follows.
var ordinary = func() (table [resp.CommandIDs]bool) {
	for c := range resp.Commands() {
		table[c.ID()] = verbsByID[c.ID()] == otherVerb && !c.MayBlock() && c.Name != "ASKING" && c.Name != "INFO" &&
			!strings.HasPrefix(c.Name, "CLIENT") && !strings.HasPrefix(c.Name, "CLUSTER")
	}
	return table
}()

// requestAlone takes a plain segment of the client. Where it returns false it has done nothing.
func (s *Session) requestAlone(seg *reassembly.Segment) bool {
	p := &s.prev
	before := p.ex // answered
	gap := seg.Time.Sub(p.endTime)
	req := &s.run.request
	if seg.Ack < before.Serves.End || seg.Ack <= p.ack || seg.Late || seg.Frame == p.frame || gap < 0 || gap >= suspectGap ||
		s.requests.Offset() != seg.Offset || s.run.topology.active || !s.requests.Single(seg.Payload, req) {
		return false
	}
	s.arrived(roleClient, seg)
	s.lastData[roleClient] = dataMark{seg.Time, seg.File, true}
	var mark segmentMark
	s.markOf(seg, &mark)
	ex := s.newCommand(req, seg, &mark)
	if !ordinary[ex.Command.ID()] {
		s.sent(ex, req, &mark)
		s.settle()
		s.turn = nobodysTurn
	} else {
		ex.idle = gap
		ex.due, ex.totalDue = 1, 1
		s.batches++
		ex.Batch, ex.full = s.batches, mark.full
		s.run.summary.Commands++
		s.facts.Command(s, ex)
		s.topo.node.asking.push(s, ex.EndTime)
		if !s.run.forRules {
			s.run.tellSent(s, ex, req)
		}
		s.wentOn(before, ex)
		s.cleanSend(before, ex, false, gap)
		s.log.push(ex)
		s.pending.push(ex)
		ex.refs = 2
		p.follow(ex, &mark)
		s.singles++
		before.Belief = Belief{before.Index, s.plainLevel()}
		s.emitFront()
		s.turn = serversTurn
	}
	s.closedWindow = seg.Window == 0
	s.ackSeen[roleClient] = max(s.ackSeen[roleClient], seg.Ack)
	owed := CallerWaits
	if s.turn != serversTurn {
		owed = s.owes()
	}
	s.facts.See(s, roleClient, seg, true, owed)
	return true
}

// replyAlone takes a plain segment of the server. Where it returns false it has done nothing.
func (s *Session) replyAlone(seg *reassembly.Segment) bool {
	ex := s.prev.ex
	r := &s.run.reply
	if seg.Ack < ex.End || s.run.topology.active || !s.answers.Single(seg.Payload, r) {
		return false
	}
	s.arrived(roleServer, seg)
	s.kernelAck(seg)
	s.prev.replyBytes = true
	s.turn = nobodysTurn
	owed := NothingOwed
	if ok, _ := ex.Call.Allows(r); !ok {
		info := &s.run.info
		s.describe(info, r, seg)
		s.reply(r, info, seg)
		owed = s.owes()
	} else {
		s.describe(&ex.Serves, r, seg)
		ex.Served = true
		s.replies++
		ex.due = 0
		s.pending.pop()
		wait := seg.Time.Sub(ex.EndTime)
		s.run.summary.Replies++
		s.group.latencies.add(wait)
		if wait < suspectGap {
			s.turn = clientsTurn
		} else {
			s.group.pop.noteSlow(s, ex)
			if wait > suspectGap {
				s.slowAt = seg.Time
			}
		}
		if !s.run.forRules {
			s.run.tellAnswered(s, ex, r)
		}
		s.topo.node.latency(ex)
		s.run.release(ex)
	}
	s.facts.See(s, roleServer, seg, true, owed)
	s.lastData[roleServer] = dataMark{seg.Time, seg.File, true}
	s.ackSeen[roleServer] = max(s.ackSeen[roleServer], seg.Ack)
	return true
}
