package reader

import (
	"iter"
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/idle"
)

// registry holds the populations of a run, and what the connections of one address share: a bounded number of them. Where
// one more does not fit, that of which no connection is left for the longest time is forgotten.
type registry struct {
	whos    map[netip.Addr]*who
	pops    map[Key]*population
	first   *population // in the order in which they began
	last    *population
	idle    idle.List[population] // those without a connection
	limit   *bound.Bound
	full    *bound.Bound                           // no population is idle
	timeout func(netip.Addr) (time.Duration, bool) // Options.ReadTimeout
}

// links are the place of a population in the registry.
type links struct {
	who           *who
	before, after *population
	idle          idle.Place[population]
}

// maxPopulations is how many populations are kept with the usual memory, at 20 KiB each.
const maxPopulations = 1 << 12

func newRegistry(o *Options) registry {
	return registry{
		whos: map[netip.Addr]*who{}, pops: map[Key]*population{}, timeout: o.ReadTimeout,
		limit: o.Bounds.New(bound.Bound{
			Name: "populations", Limit: o.Bounds.Scaled(maxPopulations), Loses: bound.History,
			Hides: "how long the callers of clients without an open connection waited",
		}),
		full: o.Bounds.New(bound.Bound{
			Name: "populations with an open connection", Limit: o.Bounds.Scaled(maxPopulations), Loses: bound.Evidence,
			Hides: "who got which reply on connections of further clients",
		}),
	}
}

// who returns what the connections of an address share.
func (g *registry) who(from netip.Addr) *who {
	w := g.whos[from]
	if w == nil {
		w = &who{addr: from}
		g.whos[from] = w
	}
	return w
}

// release forgets an address that nothing is left of.
func (g *registry) release(w *who) {
	if w.open == 0 && w.pops == 0 && !w.released {
		w.released = true // another one may have its place in the map when connections of this one end
		delete(g.whos, w.addr)
	}
}

// population returns that of a key; nil: there is no room for one more. w counts the populations of its address.
func (g *registry) population(k Key, w *who) *population {
	if w.released { // its connection was closed before it had a population
		w = g.who(k.Client)
	}
	if w.pops > 0 {
		if q := g.pops[k]; q != nil {
			return q
		}
	}
	if !g.limit.Admits(len(g.pops)) {
		old := g.idle.First()
		if old == nil {
			g.full.Hits++
			g.release(w)
			return nil
		}
		g.idle.Remove(&old.idle)
		g.drop(old)
	}
	q := &population{key: k, shortest: inf, links: links{who: w}}
	if g.timeout != nil {
		if t, ok := g.timeout(k.Client); ok { // as if a give-up had been seen
			q.low, q.shortest = t.Seconds(), t.Seconds()
		}
	}
	w.pops++
	g.pops[k] = q
	if q.before = g.last; g.last != nil {
		g.last.after = q
	} else {
		g.first = q
	}
	g.last = q
	return q
}

func (g *registry) drop(q *population) {
	delete(g.pops, q.key)
	if q.before != nil {
		q.before.after = q.after
	} else {
		g.first = q.after
	}
	if q.after != nil {
		q.after.before = q.before
	} else {
		g.last = q.before
	}
	q.who.pops--
	g.release(q.who)
	q.links = links{} // a connection that is kept may still point here
}

// all yields the populations in the order in which they began.
func (g *registry) all() iter.Seq[*population] {
	return func(yield func(*population) bool) {
		for q := g.first; q != nil; q = q.after {
			if !yield(q) {
				return
			}
		}
	}
}

// look lists a population among those without a connection, or takes it off, by whether it has some.
func (g *registry) look(q *population) {
	if len(q.conns) == 0 {
		g.idle.Add(q, &q.idle)
	} else {
		g.idle.Remove(&q.idle)
	}
}
