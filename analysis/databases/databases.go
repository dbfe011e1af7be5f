// Package databases finds connections that one user left in a database of its own, for the next users of a pool.
package databases

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pairing/known"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/idle"
	"github.com/respsniff/respsniff/resp"
)

// Registry is what the connections of each client to each server have in common.
type Registry struct {
	pools map[poolKey]*pool
	idle  idle.List[pool] // those without a connection
	known *known.Memory
	max   *bound.Bound
	each  *bound.Bound // databases of one client
}

type poolKey struct {
	client netip.Addr
	server netip.AddrPort
}

// pool counts the connections of a client to a server.
type pool struct {
	key     poolKey
	tallies []tally // one a database
	open    int     // connections
	place   idle.Place[pool]
}

type tally struct {
	database int
	first    int // connections whose first command with a key was for it
	moved    int // of these, those that later selected another one
}

// of returns the tally of a database, which stays valid until another one is asked for. Beyond the bound nothing is kept.
func (p *pool) of(database int, max *bound.Bound) *tally {
	for i := range p.tallies {
		if p.tallies[i].database == database {
			return &p.tallies[i]
		}
	}
	if !max.Admits(len(p.tallies)) {
		return &tally{database: database}
	}
	p.tallies = append(p.tallies, tally{database: database})
	return &p.tallies[len(p.tallies)-1]
}

// Bounds of what is kept.
const (
	maxPools = 1 << 12
	// maxDatabases is how many databases of one client's connections are told apart. Redis has 16, if it is told nothing else.
	maxDatabases = 64
	// asked is how many commands of a connection that has moved may wait for their replies, and are looked at.
	asked = 64
)

// NewRegistry prepares a run; what was read where is taken from memory.
func NewRegistry(memory *known.Memory, set *bound.Set) *Registry {
	return &Registry{pools: map[poolKey]*pool{}, known: memory, max: set.New(bound.Bound{
		Name: "clients whose databases are compared", Limit: set.Scaled(maxPools), Loses: bound.Detail, Hides: "databases left selected on connections of further clients",
	}), each: set.New(bound.Bound{
		Name: "databases of one client that are told apart", Limit: maxDatabases, Loses: bound.Detail, Hides: "that a connection was left in one of the others",
	})}
}

// Tick says that no packet before now is still to come, of a live run: what is known of clients that rest is forgotten.
func (r *Registry) Tick(now capture.Time) {
	r.idle.Tick(now, func(p *pool) { delete(r.pools, p.key) })
}

// Conn is the databases of one connection.
type Conn struct {
	pool  *pool
	begun bool
	first int // database of its first command with a key
	moves int
	left  *Left // nil almost always
}

// Left is a connection in whose database, selected in the middle of its life and for good, keys are not found that the other
// connections of its client have in theirs.
type Left struct {
	Session  *pairing.Session
	Select   pairing.Exchange // a copy; Session is nil
	From, To int              // From may be known.UnknownDatabase
	Missed   int              // reads of keys that exist in From, answered with nothing
	Written  int              // writes of keys that exist in From
	Own      int              // answers with keys that are known in To only: whoever selected it had its own
	First    pairing.Exchange // the first of Missed or Written, as Select
	Others   int              // connections of the client that stay in From
	places   []uint64         // of From
	waiting  []waiting
	written  map[uint64]bool
	found    int // reads of keys that exist in From, and in To
}

type waiting struct {
	index int
	facts [2]known.Facts
}

func (*Left) Event() {}

// Sent takes a command with its request.
func (c *Conn) Sent(r *Registry, ex *pairing.Exchange, req *resp.Request) {
	if !ex.HasKey {
		return
	}
	if !c.begun {
		c.begin(r, ex.Session)
	}
	l := c.left
	if l == nil || len(l.waiting) >= asked || ex.Flags&pairing.Queued != 0 {
		return
	}
	w := waiting{index: ex.Index}
	for i, place := range l.places {
		w.facts[i] = known.Of(place, ex.Command, req)
	}
	if w.facts[0] != (known.Facts{}) {
		l.waiting = append(l.waiting, w)
	}
}

func (c *Conn) begin(r *Registry, s *pairing.Session) {
	c.begun, c.first = true, s.Database()
	key := poolKey{s.Client.Addr(), s.Server}
	if c.pool = r.pools[key]; c.pool == nil && r.max.Admits(len(r.pools)) {
		c.pool = &pool{key: key}
		r.pools[key] = c.pool
	}
	if c.pool != nil {
		c.pool.open++
		r.idle.Remove(&c.pool.place)
		c.pool.of(c.first, r.each).first++
	}
}

// Selected takes a SELECT that succeeded, behind which number is selected.
func (c *Conn) Selected(r *Registry, ex *pairing.Exchange, number int) {
	if !c.begun || c.pool == nil {
		return // a part of its set-up
	}
	c.moves++
	if c.left = nil; c.moves > 1 || number == c.first {
		return // it selects on purpose, before each use
	}
	c.pool.of(c.first, r.each).moved++
	s := ex.Session
	l := &Left{Session: s, Select: *ex, From: c.first, To: number, written: map[uint64]bool{}}
	l.Select.Session = nil
	l.places = []uint64{known.Place(s.Server, c.first), known.Place(s.Server, known.UnknownDatabase)}
	if c.first == known.UnknownDatabase {
		l.places[1] = known.Place(s.Server, 0) // of connections that the capture has whole
	}
	c.left = l
}

// Answered takes the reply to a command.
func (c *Conn) Answered(r *Registry, ex *pairing.Exchange, reply *resp.Reply) {
	l := c.left
	if l == nil || len(l.waiting) == 0 {
		return
	}
	for len(l.waiting) > 0 && l.waiting[0].index < ex.Index {
		l.waiting = l.waiting[1:]
	}
	if len(l.waiting) == 0 || l.waiting[0].index != ex.Index || reply.Kind == resp.Error {
		return
	}
	f := l.waiting[0].facts
	l.waiting = l.waiting[1:]
	if f[0].Asks == 0 {
		if r.known.Exists(f[0].Sets) || r.known.Exists(f[1].Sets) {
			l.Written++
			l.note(ex)
		}
		if len(l.written) < asked {
			l.written[f[0].Sets] = true
		}
		return
	}
	nothing := known.Nothing(reply)
	switch there := r.known.Exists(f[0].Asks) || r.known.Exists(f[1].Asks); {
	case there && nothing:
		l.Missed++
		l.note(ex)
	case there && !l.written[f[0].Asks]:
		l.found++
	case !there && !nothing && l.Missed == 0:
		l.Own++
	}
}

func (l *Left) note(ex *pairing.Exchange) {
	if l.Missed+l.Written == 1 {
		l.First = *ex
		l.First.Session = nil
	}
}

// coincidence is the chance that is accepted of keys that are missing by themselves.
const coincidence = 1e-3

// Ended returns, at the end of a connection, that it was left in a database, if it was; nil: it was not. The keys that are missing
// there would have to be gone from their own database too, as often as keys of this traffic change; most connections of the
// client stay where they began.
func (c *Conn) Ended(r *Registry) *Left {
	if c.pool != nil {
		if c.pool.open--; c.pool.open == 0 {
			r.idle.Add(c.pool, &c.pool.place)
		}
	}
	l := c.left
	if l == nil {
		return nil
	}
	home := *c.pool.of(l.From, r.each)
	l.Others = home.first - home.moved
	if l.Others < max(1, home.moved) || l.found >= l.Missed || r.known.Changed(l.Missed) > coincidence {
		return nil
	}
	if l.Own == 0 && c.pool.of(l.To, r.each).first > 0 {
		return nil // others begin there: it may have been lent to them
	}
	return l
}
