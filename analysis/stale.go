package analysis

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/reassembly"
)

// defaultRTT stands in where no kernel acknowledgement shows the round trip.
const defaultRTT = 500 * time.Microsecond

// staleBound is the pause below which a lockstep client cannot have waited for the network: a round trip, or, for
// libraries whose calls nobody can cancel, a tenth of the read timeout.
func (s *readerConn) staleBound() time.Duration {
	if d := s.judging.StaleBound; d > 0 {
		return d
	}
	bound := s.minRTT
	if bound == 0 {
		bound = defaultRTT
	}
	p := s.group.pop
	if lib := p.library(); lib.Name != "" && !lib.Cancels {
		if ts := p.estimate(); len(ts.Values) > 0 {
			bound = max(bound, ts.Values[0].T/10)
		}
	}
	return bound
}

// staleAfter reports whether the caller of a must have been served from the client's memory: b follows it with the same
// ACK number, sooner than any reply can have come, on a client that never writes ahead. This can only happen on a
// connection that was behind before, so it is asked only of those that may have been: they began before the capture.
func (s *readerConn) staleAfter(a, b *Exchange, st Stance) bool {
	if s.reg.without&withoutInference != 0 || s.Start != reassembly.MidStream || st.Policy != PolicyLockstep || st.Confidence < Likely || s.group.pop.pipelined > 0 {
		return false
	}
	if !a.waits() || a.Flags&(Blocks|NotAwaited|AfterHole|InHandshake) != 0 || a.shared || b.shared || a.unsure || b.unsure || a.Frame == b.Frame && a.File == b.File {
		return false
	}
	return a.End == b.Start && a.Ack == b.Ack && a.Ack != reassembly.NoAck && !a.Late && !b.Late && b.Time.Sub(a.EndTime) < s.staleBound()
}

// stale judges the caller of ex, which stands before l.next: it read a reply that was in the client's memory before the
// capture began.
func (s *readerConn) stale(ex *Exchange, l limits, st Stance) {
	d := s.trouble()
	if d.StaleLevel == Unsaid {
		d.StaleLevel, d.StaleWhy = s.staleLevel(ex, st)
	}
	if !d.started {
		d.started, d.ground, d.First = true, ByAck, ex.Time
		d.Stance, d.Library = st, s.group.pop.library()
		if ts := s.group.pop.estimate(); len(ts.Values) > 0 {
			d.Wait = ts.Values[0]
		}
		a := Abandonment{Given: *ex, Next: *l.next, Gap: l.gap, Flat: true, Owed: 1, Confidence: d.StaleLevel, Stale: true}
		a.Given.Session, a.Next.Session = nil, nil
		s.judging.kept++
		d.Abandoned = append(d.Abandoned, a)
		d.Counts[ByAck]++
	}
	s.noteStale(ex, l)
	ex.Belief = Belief{Index: 0, Confidence: min(d.StaleLevel, Strong)}
	s.misread(ex, &Exchange{}, ex.Belief.Confidence, l)
}

// noteStale keeps a pair as evidence.
func (s *readerConn) noteStale(ex *Exchange, l limits) {
	d := s.trouble()
	d.StaleReads++
	if len(d.Stale) < maxVictims {
		r := StaleRead{First: *ex, Second: *l.next, Gap: l.gap, RTT: s.minRTT}
		r.First.Session, r.Second.Session = nil, nil
		d.Stale = append(d.Stale, r)
	}
}

// staleLevel weighs a stale read: two pairs, or one and two corroborations, make it strong.
func (s *readerConn) staleLevel(ex *Exchange, st Stance) (Confidence, []string) {
	pairs := 0
	for i := 1; i < s.log.len(); i++ {
		if s.staleAfter(s.log.at(i-1), s.log.at(i), st) {
			pairs++
		}
	}
	var why []string
	if end, conn, ok := s.group.pop.stallBefore(s.ID, ex.Time); ok {
		why = append(why, fmt.Sprintf("connection %d of the same client got a reply at %s after a long wait: the server had been standing still",
			conn, end.Std().Format("15:04:05.000000")))
	}
	if ex.hasTS && ex.ackedTS != 0 {
		if age := ex.ackedTS - ex.tsEcr; age > 0 && age < 10 {
			why = append(why, fmt.Sprintf("its TSecr shows that the connection had received a segment of the server about %d ms before: it had just been in use", age))
		}
	}
	if c := s.closing; c[roleServer].fin && !c[roleClient].fin && !c[roleClient].rst {
		why = append(why, "the connection leaks afterwards: the server closed it and the client never did")
	}
	switch {
	case pairs >= 1 && len(why) >= 3:
		return Strong, why
	case pairs >= 2 && (st.Basis >= BasisNamed || len(why) >= 1), pairs >= 1 && len(why) >= 2:
		return min(Strong, max(st.Confidence, Likely)), why
	case pairs >= 2:
		return Likely, why // an explicit pipeline, written piece by piece, would look the same
	case len(why) >= 1:
		return Likely, why
	}
	return Possible, why
}
