package pools

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

const (
	// promptWithin is how fast a server answers that is not stalled.
	promptWithin = 10 * time.Millisecond
	// minExhausted is how many connections must be open for a link to be exhausted at all.
	minExhausted = 2
	// exhaustionFloor is the shortest time for which every connection must owe a reply.
	exhaustionFloor = 5 * time.Second
)

// Exhaustion is a time in which every open connection of a link owed a reply while the server was answering others.
type Exhaustion struct {
	From, To capture.Time
	Open     int
	Prompt   int64 // replies that the server gave to others within promptWithin
}

// load is how many connections of a link wait, and since when all of them do.
type load struct {
	waiting   int          // connections whose callers wait for a reply
	fullSince capture.Time // 0: not all of them wait
	fullOpen  int          // connections open then
	promptAt  int64        // prompt replies of the server by then
}

// wait takes a change in the number of connections whose callers wait.
func (l *Link) wait(by int, at capture.Time) {
	l.endExhaustion(at)
	if l.load.waiting += by; l.load.waiting >= l.Open && l.Open >= minExhausted {
		l.load.fullSince, l.load.fullOpen, l.load.promptAt = at, l.Open, l.peer.prompt
	}
}

// endExhaustion ends a time in which every connection owed a reply, if there is one.
func (l *Link) endExhaustion(at capture.Time) {
	if l.load.fullSince != 0 {
		l.recordExhaustion(at)
	}
}

func (l *Link) recordExhaustion(at capture.Time) {
	e := Exhaustion{l.load.fullSince, at, l.load.fullOpen, l.peer.prompt - l.load.promptAt}
	l.load.fullSince = 0
	if r := l.registry; at.Sub(e.From) >= exhaustionFloor &&
		r.limits.exhausted.Admits(len(l.Exhausted)) && r.limits.allExhausted.Admits(r.kept.exhausted) {
		r.kept.exhausted++
		l.Exhausted = append(l.Exhausted, e)
	}
}
