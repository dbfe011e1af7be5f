package reader

import (
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// Some clients, hiredis above all, keep a command in memory until they need the network: a call whose reply is already
// in the client's buffer returns at once, and its command leaves together with the next one. As long as every caller
// gets its own reply that never happens. Once a reply was given up, it happens on every call that finds an older reply
// in the buffer, so the sizes of the writes count exactly how far behind the client is.
//
// lazyWriter checks this. It takes the slow replies of a connection as possibly given up, plays the client's buffer
// through, and predicts the size of every write. Only a set of abandoned replies that predicts all of them, and several
// that no healthy client would make, is believed.

// Bounds of the inference.
const (
	maxCandidates = 6 // slow replies of one connection that are tried
	minPredicted  = 3 // writes of more than one command that must come out right
	minSingles    = 20
)

// inferLazy looks for slow replies in the log that were given up although the ACK numbers look clean, and marks them.
func inferLazy(s *Conn, st client.Stance, wait patience) {
	if wait.t != 0 || st.Policy != client.PolicyLockstep || s.Unread.Len() > 0 || s.inferred || s.Reg.Without&client.WithoutInference != 0 {
		return
	}
	s.inferred = true
	if s.singles < minSingles || s.multiples > 0 {
		return // this client pipelines, or too little is known of how it writes
	}
	log := s.Log.Rest()
	var candidates []int
	for i, ex := range log {
		if ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0 {
			return
		}
		if !slowAndIdle(s, log, i) {
			continue
		}
		if len(candidates) == maxCandidates {
			return
		}
		candidates = append(candidates, i)
	}
	best, bestSet, unique := 0, 0, false
	for set := 1; set < 1<<len(candidates); set++ {
		for b, i := range candidates {
			log[i].Caller.Hypothesis = set>>b&1 == 1
		}
		if n, ok := s.Judging.lazyWrites(log); ok && n >= best {
			unique = n > best || bestSet == 0
			best, bestSet = n, set
		}
	}
	for b, i := range candidates {
		log[i].Caller.Hypothesis = best >= minPredicted && unique && bestSet>>b&1 == 1
	}
}

// slowAndIdle reports whether the i-th command waited long for its reply and the client did not go on promptly when it
// came.
func slowAndIdle(s *Conn, log []*pairing.Exchange, i int) bool {
	ex := log[i]
	if !ex.Served || !ex.Waits() || ex.Flags&(pairing.Blocks|pairing.InHandshake|pairing.NotAwaited) != 0 || i+1 >= len(log) || log[i+1].Batch == ex.Batch {
		return false
	}
	if ex.Serves.FirstTime.Sub(ex.EndTime) < max(pairing.SuspectGap, 10*s.Group.Latencies.Median()) {
		return false
	}
	return log[i+1].Time.Sub(ex.Serves.Time) > client.Prompt && log[i+1].Ack >= ex.Serves.End
}

// lazyWrites plays a lazy writer's buffer through the log, with the hypotheses set, and compares the size of each write
// with the prediction. It returns how many writes of more than one command came out right, and whether all did.
func (r *Judging) lazyWrites(log []*pairing.Exchange) (predicted int, ok bool) {
	least, most := 0, 0 // replies in the client's own memory: what the last read brought, less the one that was taken
	owed := r.owed[:0]  // replies that nobody has read, oldest first, the buffered ones included
	read := 0           // how many of these have been read after all
	defer func() { r.owed = owed[:0] }()
	for from := 0; from < len(log); {
		to := from + 1
		for to < len(log) && log[to].Batch == log[from].Batch {
			to++
		}
		batch := log[from:to]
		from = to
		last := batch[len(batch)-1]
		buffered := len(batch) - 1
		if buffered < least || buffered > most {
			return predicted, false
		}
		if len(batch) > 1 {
			predicted++
		}
		for _, ex := range batch {
			if !ex.Waits() {
				return predicted, false
			}
			owed = append(owed, ex)
		}
		read += min(buffered, len(owed)-read) // the callers before the last read these
		least, most = 0, 0
		if last.Caller.Hypothesis {
			continue
		}
		lo, hi := arrived(owed[read:], last)
		if hi == 0 {
			return predicted, len(log) == to
		}
		read++
		least, most = lo-1, hi-1
	}
	return predicted, true
}

// readLag is how long after its write a client's read may still pick up what arrives.
const readLag = time.Millisecond

// arrived counts the replies that a read right after the write of last delivers: all that had come by then, and perhaps
// what comes within readLag, or else what comes next in one segment.
func arrived(owed []*pairing.Exchange, last *pairing.Exchange) (lo, hi int) {
	for hi < len(owed) && owed[hi].Served && owed[hi].Serves.Time <= last.EndTime.Add(readLag) {
		if owed[hi].Serves.Time <= last.EndTime {
			lo++
		}
		hi++
	}
	if lo > 0 {
		return lo, hi
	}
	for hi = 0; hi < len(owed) && owed[hi].Served && owed[hi].Serves.Frame == owed[0].Serves.Frame; {
		hi++
	}
	return hi, hi
}
