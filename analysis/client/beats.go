package client

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// Bounds of what makes a pause one that recurs.
const (
	beatsKept = 32 // pauses
	beatsMin  = 4  // of these that must be as long
)

// beats remembers the latest pauses between the sends of a connection. Who writes by the clock goes on whether a reply
// came or not: that such sends never overlap says nothing of a client's design, and that one follows an unanswered
// command after a pause that recurs does not say that anybody stopped waiting.
type beats struct {
	pauses [beatsKept]int32 // microseconds
	next   uint8
}

// add takes a pause between two sends, the second of which waited for the reply to the first.
func (b *beats) add(pause time.Duration) {
	if pause >= pairing.SuspectGap && pause < time.Hour/2 {
		b.pauses[b.next%beatsKept] = int32(pause / time.Microsecond)
		b.next++
	}
}

// knows reports whether a pause is one that recurs on the connection, as exactly as timers of programs are.
func (b *beats) knows(pause time.Duration) bool {
	if pause < pairing.SuspectGap || pause >= time.Hour/2 {
		return false
	}
	us, n := int32(pause/time.Microsecond), 0
	for _, d := range b.pauses {
		if d > 0 && max(us-d, d-us) <= max(1000, d/32) {
			n++
		}
	}
	return n >= beatsMin
}
