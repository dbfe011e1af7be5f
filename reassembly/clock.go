package reassembly

import (
	"math"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// packetClock counts the nanoseconds that passed in the capture. It never goes back: frames out of time order leave it
// where it is, and a step of more than clockStep in the file is taken for a clock set anew, during which no time
// passed.
type packetClock struct {
	reading int64        // nanoseconds passed
	latest  capture.Time // the latest file time since the last step; at first notStarted
	started bool
}

// notStarted is a time that none is behind.
const notStarted = math.MaxInt64

// follow is the early return of advance for a time a little after the latest, as nearly every packet has. It reports
// false, having changed nothing, for any other.
func (c *packetClock) follow(t capture.Time) bool {
	passed := uint64(t) - uint64(c.latest)
	if t <= c.latest || passed > uint64(clockStep) {
		return false
	}
	c.reading += int64(passed)
	c.latest = t
	return true
}

// advance takes in a packet's time. late is how far it lies before the latest; stepped says that the clock was set.
func (c *packetClock) advance(t capture.Time) (late time.Duration, stepped bool) {
	if !c.started {
		c.started, c.latest = true, t
		return 0, false
	}
	switch delta := t.Sub(c.latest); {
	case (delta > 0) != (t > c.latest) && t != c.latest, delta > clockStep, delta < -clockStep: // the first: overflow
		c.latest = t
		return 0, true
	case delta > 0:
		c.reading += int64(delta)
		c.latest = t
		return 0, false
	default:
		return -delta, false
	}
}
