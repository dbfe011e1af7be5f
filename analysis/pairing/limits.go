package pairing

import "github.com/respsniff/respsniff/internal/bound"

// limits are what the pairing of one connection keeps, and how far it looks.
type limits struct {
	outstanding, outstandingEach, outstandingFlood *bound.Bound // the last two while many commands of all connections are kept
	buffered, bufferedBatches                      *bound.Bound
	lookBack, anchor, awaited                      *bound.Bound
}

func newLimits(set *bound.Set) limits {
	const oldest = "replies to the oldest of the commands that a connection had outstanding"
	evidence := func(name string, limit int, hides string) *bound.Bound {
		return set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Evidence})
	}
	detail := func(name string, limit int, hides string) *bound.Bound {
		return set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Detail})
	}
	return limits{
		outstanding:      evidence("outstanding commands", maxOutstanding, oldest),
		outstandingEach:  evidence("outstanding commands while many connections have some", maxOutstandingEach, oldest),
		outstandingFlood: evidence("outstanding commands while very many connections have some", maxOutstandingFlood, oldest),

		buffered:        evidence("replies whose command is open", maxBuffered, "which commands they served, and what follows on their connection until that is clear again"),
		bufferedBatches: detail("writes while replies contradict their commands", maxBufferedBatches, "a pairing that fits: the contradiction is reported as it stands"),
		lookBack:        detail("answered commands of a write that a contradiction looks back at", maxLookBack, "that a reply went missing further back in the write: the finding is at a later command"),
		anchor:          detail("commands in flight where a capture begins or lacks bytes", maxAnchor, "which commands the next replies served, until that is clear again"),
		awaited:         detail("newest outstanding commands that may be waited for", maxAwaited, "that a caller waits for an older one"),
	}
}
