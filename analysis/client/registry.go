package client

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/idle"
)

// Given is what the user said of clients; the zero Addr stands for every client.
type Given struct {
	ReadTimeouts map[netip.Addr]time.Duration
	Policies     map[netip.Addr]Policy
}

// Registry holds the populations of one run: a bounded number of them.
type Registry struct {
	given       Given
	populations map[populationKey]*Population
	limit       *bound.Bound
	names       names
	idle        idle.List[Population] // those without an open connection
	closes      recentCloses
}

type populationKey struct {
	client netip.Addr
	setUp  uint64
}

// NewRegistry prepares a run.
func NewRegistry(given Given, bounds *bound.Set) *Registry {
	return &Registry{
		given: given, populations: map[populationKey]*Population{}, names: newNames(bounds),
		limit: bounds.New(bound.Bound{ // 200 bytes each
			Name: "client groups", Limit: bounds.Scaled(1 << 15), Loses: bound.History,
			Hides: "what is known of the libraries of clients without an open connection",
		}),
	}
}

// Conn is what one connection shows of its client.
type Conn struct {
	*pairing.Session
	Reg       *Registry
	Pop       *Population // nil before the first command behind the set-up
	handshake handshake
}

func (r *Registry) givenPolicy(client netip.Addr) (Policy, bool) {
	if p, ok := r.given.Policies[client]; ok {
		return p, true
	}
	p, ok := r.given.Policies[netip.Addr{}]
	return p, ok
}

// GivenTimeout returns the read timeout that the user gave for a client.
func (r *Registry) GivenTimeout(client netip.Addr) (time.Duration, bool) {
	if t, ok := r.given.ReadTimeouts[client]; ok {
		return t, true
	}
	t, ok := r.given.ReadTimeouts[netip.Addr{}]
	return t, ok
}

// populationOf finds or makes the population that a connection belongs to.
func (r *Registry) populationOf(c *Conn) *Population {
	h := &c.handshake
	k := populationKey{c.Client.Addr(), h.signature}
	p := r.populations[k]
	if p == nil {
		r.makeRoom()
		p = &Population{Client: k.client, SetUp: k.setUp}
		r.populations[k] = p
	}
	if h.named && !p.named {
		p.named, p.library = true, h.library
	} else if h.library.Name != "" && p.library.Name == "" {
		p.library = h.library
	}
	p.async = p.async || h.sentinel
	r.idle.Remove(&p.idle)
	p.open++
	return p
}

// makeRoom forgets, at the bound, the population that has been without a connection for longest. Who still judges by it
// keeps it. Populations with open connections are as many as these at most.
func (r *Registry) makeRoom() {
	if len(r.populations) < r.limit.Limit {
		return
	}
	r.limit.Hits++
	p := r.idle.First()
	if p == nil {
		return
	}
	r.idle.Remove(&p.idle)
	delete(r.populations, populationKey{p.Client, p.SetUp})
}

// Tick says that no packet before now is still to come, of a live run: populations that rest are forgotten.
func (r *Registry) Tick(now capture.Time) {
	r.idle.Tick(now, func(p *Population) { delete(r.populations, populationKey{p.Client, p.SetUp}) })
}

// Known says what is known, beside its traffic, of how the connection is used.
func (c *Conn) Known() (Policy, Basis) {
	policy, basis := c.Reg.Known(c.Client.Addr(), c.Pop)
	if c.handshake.sentinel && basis < Stated {
		return PolicyAsync, Named
	}
	return policy, basis
}

// atOnce is how soon programs do what they do next, with room for a busy machine.
const atOnce = 5 * time.Millisecond

// ClientClosed takes the client's close; overtook says that a command had been written on the connection while a reply was
// due. Jedis says QUIT, reads the answer and resets the connection at once (SO_LINGER 0); without a password it has no set-up
// of its own. A pool that looks for unread bytes replaces a connection at once.
func (c *Conn) ClientClosed(overtook bool) {
	if c.Pop == nil {
		return
	}
	x, answered := &c.Closing[pairing.RoleClient], &c.LastData[pairing.RoleServer]
	quit := c.Mode.Ending == pairing.QuitSent
	if quit && x.Rst && !x.Fin && c.Keyed && c.handshake.commands == 0 && answered.Seen {
		if d := x.Time.Sub(answered.Time); d >= 0 && d <= atOnce {
			c.Pop.jedis = true
		}
	}
	if overtook && !quit && c.Pending.Len() == 0 {
		c.Reg.closes.add(c, x.Time)
	}
}

// recentCloses are the latest closes of connections with unread bytes.
type recentCloses struct {
	ring [8]struct {
		server netip.AddrPort
		at     capture.Time
		pop    *Population
	}
	next int
}

func (r *recentCloses) add(c *Conn, at capture.Time) {
	e := &r.ring[r.next%len(r.ring)]
	r.next++
	e.server, e.at, e.pop = c.Server, at, c.Pop
}

// Opened looks whether a new connection replaces one that was closed because of unread bytes.
func (r *Registry) Opened(s *pairing.Session, at capture.Time) {
	for i := range r.closes.ring {
		e := &r.closes.ring[i]
		if e.pop != nil && e.pop.Client == s.Client.Addr() && e.server == s.Server && at.Sub(e.at) >= 0 && at.Sub(e.at) <= atOnce {
			e.pop.checks, e.pop = true, nil
		}
	}
}
