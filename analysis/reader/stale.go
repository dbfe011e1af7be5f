package reader

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// defaultRTT stands in where no kernel acknowledgement shows the round trip.
const defaultRTT = 500 * time.Microsecond

// staleBound is the pause below which a lockstep client cannot have waited for the network: a round trip, or, for
// libraries whose calls nobody can cancel, a tenth of the read timeout.
func staleBound(s *Conn) time.Duration {
	if d := s.Judging.StaleBound; d > 0 {
		return d
	}
	bound := s.MinRTT
	if bound == 0 {
		bound = defaultRTT
	}
	p := s.Group.Pop
	if lib := p.Library(); lib.Name != "" && !lib.Cancels {
		if ts := p.Estimate(); len(ts.Values) > 0 {
			bound = max(bound, ts.Values[0].T/10)
		}
	}
	return bound
}

// staleAfter reports whether the caller of a must have been served from the client's memory: b follows it with the same
// ACK number, sooner than any reply can have come, on a client that never writes ahead. This can only happen on a
// connection that was behind before, so it is asked only of those that may have been: they began before the capture.
func staleAfter(s *Conn, a, b *pairing.Exchange, st client.Stance) bool {
	if s.Reg.Without&client.WithoutInference != 0 || s.Start != reassembly.MidStream || st.Policy != client.PolicyLockstep || st.Confidence < pairing.Likely || s.Group.Pop.Pipelined > 0 {
		return false
	}
	if !a.Waits() || a.Flags&(pairing.Blocks|pairing.NotAwaited|pairing.AfterHole|pairing.InHandshake) != 0 || a.Shared || b.Shared || a.Unsure || b.Unsure || a.Frame == b.Frame && a.File == b.File {
		return false
	}
	return a.End == b.Start && a.Ack == b.Ack && a.Ack != reassembly.NoAck && !a.Late && !b.Late && b.Time.Sub(a.EndTime) < staleBound(s)
}

// readStale judges the caller of ex, which stands before l.next: it read a reply that was in the client's memory before the
// capture began.
func readStale(s *Conn, ex *pairing.Exchange, l limits, st client.Stance) {
	d := s.trouble()
	if d.StaleLevel == pairing.Suppressed {
		d.StaleLevel, d.StaleWhy = staleLevel(s, ex, st)
	}
	if !d.started {
		d.started, d.ground, d.First = true, ByAck, ex.Time
		d.Stance, d.Library = st, s.Group.Pop.Library()
		if ts := s.Group.Pop.Estimate(); len(ts.Values) > 0 {
			d.Wait = ts.Values[0]
		}
		a := Abandonment{Given: *ex, Next: *l.next, Gap: l.gap, Flat: true, Owed: 1, Confidence: d.StaleLevel, Stale: true}
		a.Given.Session, a.Next.Session = nil, nil
		s.Judging.Kept++
		d.Abandoned = append(d.Abandoned, a)
		d.Counts[ByAck]++
	}
	noteStale(s, ex, l)
	ex.Belief = pairing.Belief{Index: 0, Confidence: min(d.StaleLevel, pairing.Strong)}
	s.misread(ex, &pairing.Exchange{}, ex.Belief.Confidence, l)
}

// noteStale keeps a pair as evidence.
func noteStale(s *Conn, ex *pairing.Exchange, l limits) {
	d := s.trouble()
	d.StaleReads++
	if len(d.Stale) < maxVictims {
		r := StaleRead{First: *ex, Second: *l.next, Gap: l.gap, RTT: s.MinRTT}
		r.First.Session, r.Second.Session = nil, nil
		d.Stale = append(d.Stale, r)
	}
}

// staleLevel weighs a stale read: two pairs, or one and two corroborations, make it strong.
func staleLevel(s *Conn, ex *pairing.Exchange, st client.Stance) (pairing.Confidence, []string) {
	pairs := 0
	for i := 1; i < s.Log.Len(); i++ {
		if staleAfter(s, s.Log.At(i-1), s.Log.At(i), st) {
			pairs++
		}
	}
	var why []string
	if end, conn, ok := s.Group.Pop.StallBefore(s.ID, ex.Time); ok {
		why = append(why, fmt.Sprintf("connection %d of the same client got a reply at %s after a long wait: the server had been standing still",
			conn, end.Std().Format("15:04:05.000000")))
	}
	if ex.HasTS && ex.AckedTS != 0 {
		if age := ex.AckedTS - ex.TsEcr; age > 0 && age < 10 {
			why = append(why, fmt.Sprintf("its TSecr shows that the connection had received a segment of the server about %d ms before: it had just been in use", age))
		}
	}
	if c := s.Closing; c[pairing.RoleServer].Fin && !c[pairing.RoleClient].Fin && !c[pairing.RoleClient].Rst {
		why = append(why, "the connection leaks afterwards: the server closed it and the client never did")
	}
	switch {
	case pairs >= 1 && len(why) >= 3:
		return pairing.Strong, why
	case pairs >= 2 && (st.Basis >= client.BasisNamed || len(why) >= 1), pairs >= 1 && len(why) >= 2:
		return min(pairing.Strong, max(st.Confidence, pairing.Likely)), why
	case pairs >= 2:
		return pairing.Likely, why // an explicit pipeline, written piece by piece, would look the same
	case len(why) >= 1:
		return pairing.Likely, why
	}
	return pairing.Possible, why
}
