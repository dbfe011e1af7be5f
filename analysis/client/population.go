package client

import (
	"net/netip"

	"github.com/respsniff/respsniff/internal/idle"
)

// Population is the connections of one client address with the same set-up, to whatever servers: one program, as far as can
// be told. What they do with replies is in package reader, under the same key.
type Population struct {
	Client  netip.Addr
	SetUp   uint64 // names the commands of the set-up, in order
	library Library
	named   bool // the library gave its name itself
	async   bool // a Sentinel
	jedis   bool // a connection was closed as Jedis does: QUIT, +OK, RST
	checks  bool // one that was closed with unread bytes in it was replaced at once: its pool looks for them
	open    int
	idle    idle.Place[Population]
}

// Basis says how it is known how a client uses its connections.
type Basis uint8

// Bases, the weakest first.
const (
	Inferred Basis = iota // from its traffic alone
	Guessed               // from habits of a library
	Named                 // the library gave its name
	Stated                // the user said so
)

// Library returns what is known of the population's library; of no population nothing is.
func (p *Population) Library() Library {
	switch {
	case p == nil:
		return Library{}
	case p.library.Name == "" && p.jedis:
		return Library{Name: "jedis", Policy: PolicyLockstep, Guessed: true}
	case p.library.Name == "" && p.checks:
		return Library{Name: "redis-py", Policy: PolicyLockstep, Cancels: true, Guessed: true}
	}
	return p.library
}

// Known says what is known, beside its traffic, of how a population's connections are used: PolicyUnknown, Inferred where
// nothing is.
func (r *Registry) Known(client netip.Addr, p *Population) (Policy, Basis) {
	if given, ok := r.givenPolicy(client); ok {
		return given, Stated
	}
	switch {
	case p == nil:
	case p.async:
		return PolicyAsync, Named
	case p.named && p.library.Policy != PolicyUnknown:
		return p.library.Policy, Named
	default:
		if l := p.Library(); l.Guessed && l.Policy != PolicyUnknown {
			return l.Policy, Guessed
		}
	}
	return PolicyUnknown, Inferred
}

// Closed counts the end of one of the population's connections.
func (r *Registry) Closed(p *Population) {
	if p == nil {
		return
	}
	if p.open--; p.open == 0 {
		r.idle.Add(p, &p.idle)
	}
}
