package client

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// prompt is how soon after a reply a reader that was waiting for it goes on.
const Prompt = 10 * time.Millisecond

// continues reports whether a command belongs to the same write as the one before it.
func (s *Conn) Continues(ex *pairing.Exchange, start *pairing.SegmentMark) bool {
	p := &s.Prev
	if p.Valid && !p.SameWrite(ex, start) && !(p.Full && p.Ack == ex.Ack) {
		return false
	}
	if p.Valid && ex.Flags&pairing.InHandshake == 0 && !s.suspect && !s.overtaken {
		s.Group.Pipelined++
	}
	return true
}

// observeSend feeds what the group learns from: whether this client overlaps its commands, and how long it waits
// before it goes on without a reply. Only the first command of a segment counts, and only the prefix of the connection
// before anything suspicious: the behaviour of a client that has lost its place says nothing about its design.
func (s *Conn) ObserveSend(ex *pairing.Exchange) {
	p := &s.Prev
	overlap := s.Awaited() || pairing.Flat(p, ex) && p.Ex != nil && p.Ex.Waits() && p.Ex.Flags&pairing.Blocks == 0
	gap := ex.Time.Sub(p.EndTime)
	ex.Beat = s.beats.knows(gap)
	if overlap && !s.overtaken && pairing.Flat(p, ex) && gap >= sampleFloor {
		how := GaveUpReuse
		if ex.Flags&pairing.NotAwaited != 0 {
			how = GaveUpQuit
		}
		s.gaveUp(p.Ex, gap, how, ex.Frame, ex.Time)
	}
	if overlap && gap >= sampleFloor {
		s.overtaken = true
	}
	if q := p.Ex; q != nil && q.Served && q.Flags&pairing.Blocks == 0 && ex.Ack >= q.Serves.End {
		s.wentOn(q, ex)
	}
	if s.slowAt != 0 {
		// A slow reply may have been given up, unless the client goes on promptly and nobody of its kind ever gave up.
		if d := ex.Time.Sub(s.slowAt); d < 0 || d >= Prompt || s.Group != nil && len(s.Group.Pop.Samples) > 0 {
			s.suspect = true
		}
		s.slowAt = 0
	}
	if s.suspect || ex.Flags&(pairing.InHandshake|pairing.NotAwaited|pairing.AfterHole|pairing.Uncertain|pairing.NoReplyDue) != 0 || s.Mode.Subs > 0 {
		return
	}
	if overlap && gap >= pairing.SuspectGap {
		s.suspect = true
		return
	}
	s.cleanSend(p.Ex, ex, overlap, gap)
}

// cleanSend teaches the group by a command that was sent gap after the one before it, which is nil if it is settled.
func (s *Conn) cleanSend(before, ex *pairing.Exchange, overlap bool, gap time.Duration) {
	latency := time.Duration(0)
	if before != nil && before.Served {
		if s.Turns++; quick(before, ex) {
			s.Quick++
		}
		if !ex.Beat {
			latency = before.Serves.FirstTime.Sub(before.EndTime)
		}
	}
	s.beats.add(gap)
	s.Group.send(overlap, gap, latency)
}

// wentOn notes the silence before the reply to a command that somebody sat out: the client went on promptly after it.
func (s *Conn) wentOn(before, ex *pairing.Exchange) {
	if d := ex.Time.Sub(before.Serves.Time); d < 0 || d >= Prompt {
		return
	}
	switch silence := before.Serves.FirstTime.Sub(before.EndTime); {
	case silence < pairing.SuspectGap:
	case silence > s.Patient[0]:
		s.Patient[0], s.Patient[1] = silence, s.Patient[0]
	case silence > s.Patient[1]:
		s.Patient[1] = silence
	}
	if s.Group != nil {
		s.Group.Pop.Patient = max(s.Group.Pop.Patient, s.Patient[1])
	}
}

// quick reports whether b came sooner after the reply to a than that had taken to come.
func quick(a, b *pairing.Exchange) bool {
	return b.Time.Sub(a.Serves.Time) < min(a.Serves.FirstTime.Sub(a.EndTime), pairing.SuspectGap)
}

// served takes a reply: how long it took.
func (s *Conn) Served(ex *pairing.Exchange) {
	lat := ex.Serves.FirstTime.Sub(ex.EndTime)
	if lat > pairing.SuspectGap && ex.Flags&pairing.Blocks == 0 {
		s.slowAt = ex.Serves.Time
	}
	if s.Group != nil && ex.Flags&pairing.Blocks == 0 {
		s.Group.Latencies.Add(lat)
		s.Group.Pop.noteSlow(s.ID, ex)
	}
}
