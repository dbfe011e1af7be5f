package analysis

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// slowReply is a reply that came after a long wait.
type slowReply struct {
	at   capture.Time
	conn int64
}

// stallFloor is the wait that counts as a stall of the server.
const stallFloor = 100 * time.Millisecond

// noteSlow remembers the latest replies that came after a long wait.
func (p *Population) noteSlow(conn int64, ex *Exchange) {
	if ex.Serves.FirstTime.Sub(ex.EndTime) >= stallFloor && ex.Flags&Blocks == 0 {
		p.slow[p.nslow%len(p.slow)] = slowReply{ex.Serves.Time, conn}
		p.nslow++
	}
}

// stallBefore finds a stall, seen on another connection, that ended between two read timeouts before a moment and 50
// ms after it.
func (p *Population) stallBefore(conn int64, at capture.Time) (capture.Time, int64, bool) {
	before := 4 * time.Second
	if ts := p.estimate(); len(ts.Values) > 0 {
		before = 2 * ts.Values[0].T
	}
	for _, x := range p.slow {
		if x.conn != 0 && x.conn != conn && at.Sub(x.at) <= before && x.at.Sub(at) <= 50*time.Millisecond {
			return x.at, x.conn, true
		}
	}
	return 0, 0, false
}

// known reports whether what the population has shown of its patience will hardly change any more: a fixed read timeout
// or cancellation, often seen, or nobody who ever gave up.
func (p *Population) known() bool {
	ts := p.estimate()
	return ts.N == 0 || ts.fixed() && ts.Values[0].N >= 3*p.parameters.TimeoutSamples || ts.Cancelled && ts.N >= 50
}
