package analysis

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// BlockedBehind tells of a blocking command that had its reply, or its end, and of the commands that other callers had sent
// behind it on the same connection: Redis runs none of them before it (src/blocked.c, blockClient: the rest of the query
// buffer waits).
type BlockedBehind struct {
	Session  *Session
	Exchange *pairing.Exchange // the blocking command, borrowed
	Until    capture.Time      // when it blocked no longer
	Calls    []BehindCall      // in their order; borrowed
}

// BehindCall is a command that waited behind another one.
type BehindCall struct {
	Exchange *pairing.Exchange // borrowed
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
	b := &s.run.behind
	b.Calls = b.Calls[:0]
	for _, call := range s.Pending.Rest()[:min(s.Pending.Len(), maxBehind)] {
		if call == ex || call.Batch == ex.Batch || call.Flags&other != 0 || call.Verb == pairing.VerbPing || call.Verb == pairing.VerbQuit || call.EndTime >= until {
			continue
		}
		b.Calls = append(b.Calls, BehindCall{call, until.Sub(max(call.EndTime, ex.EndTime))})
	}
	if len(b.Calls) == 0 {
		return
	}
	b.Session, b.Exchange, b.Until = s, ex, until
	s.run.emit(b)
	b.Session, b.Exchange = nil, nil
	clear(b.Calls)
}
