package pools

import (
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/idle"
)

// Link is what is known of all connections of one client address to one server.
type Link struct {
	Client netip.Addr
	Server netip.AddrPort

	Conns        int // established, or found open
	Open         int // now
	HalfClosed   int // of these, closed by the server and not by the client
	MaxOpen      int
	Unused       int // of those that were not closed by the client, without a byte from it
	ClosedByQuit int // closed after QUIT
	Refused      int // SYNs that the server answered with RST
	Unanswered   int // SYNs that nothing answered
	Failed       []FailedOpen
	Exhausted    []Exhaustion
	Timeline     Timeline

	Ticks  []Tick  // of pool timers, in the order in which they were recognised
	Chains []Chain // connections that replaced one another

	registry  *Registry
	peer      *peer
	intervals []time.Duration // between successive ticks of the same connection
	closes    closeRing
	load      load
	pools     *Pools
	inSight   int // connections
	idle      idle.Place[Link]
}

// FailedOpen is a SYN without a connection behind it.
type FailedOpen struct {
	SYN     Mark
	Port    uint16 // of the client
	Refused bool   // answered with RST; else not at all
	SYNs    int
}

// opened and shut count simultaneous connections. A connection counts from the server's SYN-ACK, or from its first
// packet, until the client closes it or either side resets it.
func (l *Link) opened(at capture.Time) {
	l.endExhaustion(at)
	l.Conns++
	l.Open++
	l.MaxOpen = max(l.MaxOpen, l.Open)
	l.Timeline.add(at, l.Open)
}

func (l *Link) shut(at capture.Time) {
	l.endExhaustion(at)
	l.Open--
	l.Timeline.add(at, l.Open)
}

// endExhaustion ends a time in which every connection owed a reply, if there is one.
func (l *Link) endExhaustion(at capture.Time) {
	if l.load.full() {
		l.exhausted(at)
	}
}

func (l *Link) exhausted(at capture.Time) {
	e := l.load.end(l.peer.prompt, at)
	if r := l.registry; e.To.Sub(e.From) >= exhaustionFloor &&
		r.limits.exhausted.Admits(len(l.Exhausted)) && r.limits.allExhausted.Admits(r.kept.exhausted) {
		r.kept.exhausted++
		l.Exhausted = append(l.Exhausted, e)
	}
}

// failed takes a connection that never came into being.
func (l *Link) failed(f *ConnFacts, at capture.Time) {
	o := FailedOpen{SYN: f.SYN, Refused: f.Refused.Seen(), SYNs: f.SYNs}
	switch {
	case o.Refused:
		l.Refused++
	case at.Sub(f.SYN.Time) >= time.Second || f.SYNs > 1:
		l.Unanswered++
	default:
		return // the capture ended before the answer
	}
	r := l.registry
	if r.limits.failed.Admits(len(l.Failed)) && r.limits.allFailed.Admits(r.kept.failed) {
		r.kept.failed++
		l.Failed = append(l.Failed, o)
	}
}

// telling reports whether something is known of the link beside that connections came and went: work of a pool's timer,
// connects or callers that waited in vain.
func (l *Link) telling() bool {
	return len(l.Failed) > 0 || len(l.Exhausted) > 0 || len(l.Ticks) > 0 || slices.ContainsFunc(l.Chains, func(c Chain) bool { return c.Churns > 0 })
}

// outOfSight notes that a connection of the link is over.
func (l *Link) outOfSight() {
	if l.inSight--; l.inSight == 0 && l.registry != nil {
		l.registry.idle.Add(l, &l.idle)
	}
}
