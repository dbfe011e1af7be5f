package analysis

import "time"

// prompt is how soon after a reply a reader that was waiting for it goes on.
const prompt = 10 * time.Millisecond

// continues reports whether a command belongs to the same write as the one before it.
func (s *clientConn) continues(ex *Exchange, start *segmentMark) bool {
	p := &s.prev
	if p.valid && !p.sameWrite(ex, start) && !(p.full && p.ack == ex.Ack) {
		return false
	}
	if p.valid && ex.Flags&InHandshake == 0 && !s.suspect && !s.overtaken {
		s.group.pipelined++
	}
	return true
}

// observeSend feeds what the group learns from: whether this client overlaps its commands, and how long it waits
// before it goes on without a reply. Only the first command of a segment counts, and only the prefix of the connection
// before anything suspicious: the behaviour of a client that has lost its place says nothing about its design.
func (s *clientConn) observeSend(ex *Exchange) {
	p := &s.prev
	overlap := s.awaited() || flat(p, ex) && p.ex != nil && p.ex.waits() && p.ex.Flags&Blocks == 0
	gap := ex.Time.Sub(p.endTime)
	ex.beat = s.beats.knows(gap)
	if overlap && !s.overtaken && flat(p, ex) && gap >= sampleFloor {
		how := GaveUpReuse
		if ex.Flags&NotAwaited != 0 {
			how = GaveUpQuit
		}
		s.gaveUp(p.ex, gap, how, ex.Frame, ex.Time)
	}
	if overlap && gap >= sampleFloor {
		s.overtaken = true
	}
	if q := p.ex; q != nil && q.Served && q.Flags&Blocks == 0 && ex.Ack >= q.Serves.End {
		s.wentOn(q, ex)
	}
	if s.slowAt != 0 {
		// A slow reply may have been given up, unless the client goes on promptly and nobody of its kind ever gave up.
		if d := ex.Time.Sub(s.slowAt); d < 0 || d >= prompt || s.group != nil && len(s.group.pop.samples) > 0 {
			s.suspect = true
		}
		s.slowAt = 0
	}
	if s.suspect || ex.Flags&(InHandshake|NotAwaited|AfterHole|Uncertain|NoReplyDue) != 0 || s.mode.subs > 0 {
		return
	}
	if overlap && gap >= suspectGap {
		s.suspect = true
		return
	}
	s.cleanSend(p.ex, ex, overlap, gap)
}

// cleanSend teaches the group by a command that was sent gap after the one before it, which is nil if it is settled.
func (s *clientConn) cleanSend(before, ex *Exchange, overlap bool, gap time.Duration) {
	latency := time.Duration(0)
	if before != nil && before.Served {
		if s.turns++; quick(before, ex) {
			s.quick++
		}
		if !ex.beat {
			latency = before.Serves.FirstTime.Sub(before.EndTime)
		}
	}
	s.beats.add(gap)
	s.group.send(overlap, gap, latency)
}

// wentOn notes the silence before the reply to a command that somebody sat out: the client went on promptly after it.
func (s *clientConn) wentOn(before, ex *Exchange) {
	if d := ex.Time.Sub(before.Serves.Time); d < 0 || d >= prompt {
		return
	}
	switch silence := before.Serves.FirstTime.Sub(before.EndTime); {
	case silence < suspectGap:
	case silence > s.patient[0]:
		s.patient[0], s.patient[1] = silence, s.patient[0]
	case silence > s.patient[1]:
		s.patient[1] = silence
	}
	if s.group != nil {
		s.group.pop.patient = max(s.group.pop.patient, s.patient[1])
	}
}

// quick reports whether b came sooner after the reply to a than that had taken to come.
func quick(a, b *Exchange) bool {
	return b.Time.Sub(a.Serves.Time) < min(a.Serves.FirstTime.Sub(a.EndTime), suspectGap)
}

// served takes a reply: how long it took.
func (s *clientConn) served(ex *Exchange) {
	lat := ex.Serves.FirstTime.Sub(ex.EndTime)
	if lat > suspectGap && ex.Flags&Blocks == 0 {
		s.slowAt = ex.Serves.Time
	}
	if s.group != nil && ex.Flags&Blocks == 0 {
		s.group.latencies.add(lat)
		s.group.pop.noteSlow(s.ID, ex)
	}
}
