package analysis

import (
	"time"

	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// BlockedBehind tells of a blocking command that had its reply, or its end, and of the commands that other callers had sent
// behind it on the same connection: Redis runs none of them before it (src/blocked.c, blockClient: the rest of the query
// buffer waits).
type BlockedBehind struct {
	Session  *Session
	Exchange *pairing.Exchange // the blocking command, a copy
	Until    capture.Time      // when it blocked no longer
	Calls    []BehindCall      // in their order
	// Meanwhile is what others got from the server since the first of the calls.
	Meanwhile cluster.Meanwhile
}

// BehindCall is a command that waited behind another one.
type BehindCall struct {
	Exchange *pairing.Exchange // a copy
	Wait     time.Duration     // of its time, what the other one blocked
}

func (*BlockedBehind) Event() {}

// maxBehind bounds how many commands behind a blocking one are looked at.
const maxBehind = 256

// behind emits the commands that waited behind a blocking command that is over. What was written together with it waits by
// intention; DEBUG SLEEP blocks the whole server, and no connection more than another.
func behind(s *Session, ex *pairing.Exchange, until capture.Time) {
	const other = pairing.Blocks | pairing.NoReplyDue | pairing.Uncertain | pairing.AfterHole | pairing.AfterQuit
	if ex.Verb == pairing.VerbDebug || ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0 || s.Pending.Len() == 0 {
		return
	}
	if ex.BlockFor > 0 {
		until = min(until, ex.EndTime.Add(ex.BlockFor)) // what came later had another reason
	}
	b := &BlockedBehind{Session: s, Until: until}
	for _, call := range s.Pending.Rest()[:min(s.Pending.Len(), maxBehind)] {
		if call == ex || call.Batch == ex.Batch || call.Flags&other != 0 || call.Verb == pairing.VerbPing || call.Verb == pairing.VerbQuit || call.EndTime >= until {
			continue
		}
		own := *call
		b.Calls = append(b.Calls, BehindCall{&own, until.Sub(max(call.EndTime, ex.EndTime))})
	}
	if len(b.Calls) == 0 {
		return
	}
	own := *ex
	b.Exchange = &own
	s.run.behind = append(s.run.behind, b) // until the server's other answers of that moment are there
}

// answersSettle is how much later than the end of a block the server's other answers of the same moment may stand: what ended it
// was the command of another connection, and its reply follows.
const answersSettle = time.Millisecond

// behindUntil emits what is kept of the blocks that ended long enough before a segment, or all where a connection ends.
func behindUntil(r *Run, seg *reassembly.Segment) {
	for len(r.behind) > 0 && (seg.End != reassembly.NotEnded || seg.Time > r.behind[0].Until.Add(answersSettle)) {
		b := r.behind[0]
		r.behind = r.behind[1:]
		b.Meanwhile = b.Session.topo.Meanwhile(b.Calls[0].Exchange.EndTime, b.Until)
		r.emit(b)
	}
}
