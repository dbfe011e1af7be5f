package reader

import (
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// who is what the connections of one client address share: where the tap stands, when it was last heard of, and the
// moments when it closed several connections at once.
type who struct {
	addr   netip.Addr
	pops   int       // populations of its connections
	far    float64   // from the tap to the client and back, s: see toClient
	trips  []float64 // seconds from SYN-ACK to ACK
	heard  capture.Time
	began  capture.Time // first heard of
	signs  int          // writes and closes
	open   int
	waits  int // connections with a command outstanding
	crowd  int // the most of them since the client was last heard of
	latest *burst
	// released says that the registry has forgotten it.
	released bool
}

// burst is closes of one client in one moment: one cause.
type burst struct {
	first, last capture.Time
	n, of       int // closes, and connections that were open before
}

// burstGap separates bursts of closes.
const burstGap = 5 * time.Millisecond

// maxTrips bounds the round trips kept: their lower quartile is wanted.
const maxTrips = 64

func (w *who) roundTrip(d float64) {
	if len(w.trips) < maxTrips {
		w.trips = append(w.trips, d)
		w.far = w.toClient()
	}
}

// floor is the shortest delay that can be told at this tap, s.
func (w *who) floor() float64 {
	if w.far > 0 {
		return max(1e-3, w.far/10)
	}
	return 2e-5
}

// toClient returns how much later than at the tap the client has what the server sent, plus the way back: nothing at the
// client's own tap. Below a millisecond it matters to no patience.
func (w *who) toClient() float64 {
	if len(w.trips) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(w.trips))
	if d := s[len(s)/4]; d >= 1e-3 {
		return d
	}
	return 0
}

func (w *who) alive(t capture.Time) {
	if w.signs == 0 {
		w.began = t
	}
	w.signs++
	w.heard, w.crowd = max(w.heard, t), w.waits
}

// remarkable is the shortest silence of the client that has a chance of 5 % at the rate at which it usually writes, s.
func (w *who) remarkable() float64 {
	return 3 * w.heard.Sub(w.began).Seconds() / float64(max(1, w.signs))
}

// waiting counts connections with a command outstanding.
func (w *who) waiting(d int) {
	w.waits += d
	w.crowd = max(w.crowd, w.waits)
}

func (w *who) closes(t capture.Time) *burst {
	b := w.latest
	if b == nil || t.Sub(b.last) > burstGap {
		b = &burst{first: t, of: w.open}
		w.latest = b
	}
	b.last = t
	b.n++
	return b
}

// common reports whether the closes of a burst say nothing of each connection: the process ended.
func (b *burst) common() bool { return b != nil && b.n >= 3 && float64(b.n) >= 0.3*float64(b.of) }
