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

// wait takes a change in the number of connections whose callers wait. open is how many are open, prompt what the server
// has answered promptly so far.
func (w *load) wait(by, open int, prompt int64, at capture.Time) {
	if w.waiting += by; w.waiting >= open && open >= minExhausted {
		w.fullSince, w.fullOpen, w.promptAt = at, open, prompt
	}
}

// full reports whether every connection owes a reply.
func (w *load) full() bool { return w.fullSince != 0 }

// end ends the time in which every connection owed a reply.
func (w *load) end(prompt int64, at capture.Time) Exhaustion {
	e := Exhaustion{w.fullSince, at, w.fullOpen, prompt - w.promptAt}
	w.fullSince = 0
	return e
}
