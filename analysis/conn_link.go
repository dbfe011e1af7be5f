package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Bounds of what is kept of links, of one and of all together; what lies beyond them is counted in Summary.Capped.
const (
	maxLinks       = 1 << 13 // pairs of a client address and a server
	maxFailedOpens = 1 << 10 // attempts of one link to connect
	maxAllFailed   = 1 << 16
	maxTicks       = 1 << 14 // of one link; about 5 hours of 30 pools that tick every 30 s
	maxAllTicks    = 1 << 17
	maxChains      = 1 << 12 // of one link
	maxAllChains   = 1 << 15
	maxChurns      = 16 // gaps of one chain
	maxExhaustions = 8  // of one link
)

// linkTotals counts what is kept of all links together.
type linkTotals struct{ failed, ticks, chains int }

// promptWithin is how fast a server answers that does not stand still.
const promptWithin = 10 * time.Millisecond

// Link is what is known of all connections of one client address to one server.
type Link struct {
	Client netip.Addr
	Server netip.AddrPort

	Conns      int // established, or found open
	Open       int // now
	HalfClosed int // of these, closed by the server and not by the client
	MaxOpen    int
	Unused     int // of those that were not closed by the client, without a byte from it
	Goodbyes   int // closed after QUIT
	Refused    int // SYNs that the server answered with RST
	Unanswered int // SYNs that nothing answered
	Failed     []FailedOpen
	Exhausted  []Exhaustion
	Timeline   Timeline

	Ticks  []Tick  // of pool timers, in the order in which they were recognised
	Chains []Chain // connections that replaced one another

	run       *Run
	peer      *peer
	intervals []time.Duration
	closes    [4]recentClose
	nextClose int
	waiting   int // connections whose callers wait for a reply
	fullSince capture.Time
	fullAt    int   // connections open then
	promptAt  int64 // prompt replies of the server by then
	pools     *Pools
}

// peer is what all links to one server share.
type peer struct {
	prompt int64 // replies within promptWithin
}

// FailedOpen is a SYN without a connection behind it.
type FailedOpen struct {
	SYN     Mark
	Port    uint16 // of the client
	Refused bool   // answered with RST; else not at all
	SYNs    int
}

// Exhaustion is a time in which every open connection of a link owed a reply while the server was answering others.
type Exhaustion struct {
	From, To capture.Time
	Open     int
	Prompt   int64 // replies that the server gave to others within promptWithin
}

// linkKey names a link.
type linkKey struct {
	client netip.Addr
	server netip.AddrPort
}

// linkOf finds or makes the link of a session; nil beyond the bound.
func (r *Run) linkOf(s *Paired) *Link {
	k := linkKey{s.Client.Addr(), s.Server}
	if l := r.links[k]; l != nil {
		return l
	}
	if len(r.links) >= maxLinks {
		r.capped++
		return nil
	}
	if r.links == nil {
		r.links, r.peers = map[linkKey]*Link{}, map[netip.AddrPort]*peer{}
	}
	p := r.peers[s.Server]
	if p == nil {
		p = &peer{}
		r.peers[s.Server] = p
	}
	l := &Link{Client: k.client, Server: k.server, run: r, peer: p}
	r.links[k] = l
	return l
}

// Links returns the links seen so far, in order of client and server.
func (r *Run) Links() []*Link {
	all := make([]*Link, 0, len(r.links))
	for _, l := range r.links {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *Link) int {
		return cmp.Or(a.Client.Compare(b.Client), a.Server.Compare(b.Server))
	})
	return all
}

// opened and shut count simultaneous connections. A connection counts from the server's SYN-ACK, or from its first
// packet, until the client closes it or either side resets it.
func (l *Link) opened(at capture.Time) {
	l.exhausted(at)
	l.Conns++
	l.Open++
	l.MaxOpen = max(l.MaxOpen, l.Open)
	l.Timeline.add(at, l.Open)
}

func (l *Link) shut(at capture.Time) {
	l.exhausted(at)
	l.Open--
	l.Timeline.add(at, l.Open)
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
	if len(l.Failed) >= maxFailedOpens || l.run.linked.failed >= maxAllFailed {
		l.run.capped++
		return
	}
	l.run.linked.failed++
	l.Failed = append(l.Failed, o)
}

// owing takes a change in the number of connections whose callers wait.
func (l *Link) owing(by int, at capture.Time) {
	if l.fullSince != 0 {
		l.endExhaustion(at)
	}
	if l.waiting += by; l.waiting >= l.Open && l.Open >= minExhausted {
		l.fullSince, l.fullAt, l.promptAt = at, l.Open, l.peer.prompt
	}
}

// exhausted ends a time in which every connection owed a reply.
func (l *Link) exhausted(at capture.Time) {
	if l.fullSince != 0 {
		l.endExhaustion(at)
	}
}

func (l *Link) endExhaustion(at capture.Time) {
	e := Exhaustion{l.fullSince, at, l.fullAt, l.peer.prompt - l.promptAt}
	l.fullSince = 0
	if at.Sub(e.From) >= exhaustionFloor && len(l.Exhausted) < maxExhaustions {
		l.Exhausted = append(l.Exhausted, e)
	}
}

// minExhausted is how many connections must be open for a link to be exhausted at all.
const minExhausted = 2

// exhaustionFloor is the shortest time for which every connection must owe a reply.
const exhaustionFloor = 5 * time.Second
