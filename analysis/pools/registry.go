package pools

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/idle"
)

// Registry holds the links of one run.
type Registry struct {
	links  map[linkKey]*Link
	idle   idle.List[Link] // those of which no connection is in sight
	live   bool            // links are given up for others
	peers  map[netip.AddrPort]*peer
	kept   linkTotals
	limits linkLimits
	width  time.Duration // how far from its rhythm a pool's timer may be
	span   func() (start, end capture.Time)
}

// RegistryOptions says how a Registry works.
type RegistryOptions struct {
	Bounds       *bound.Set    // where its limits are registered; nil: in a set of its own
	Links        int           // pairs of a client address and a server that are kept; 0: 8,192
	ClusterWidth time.Duration // how far from its rhythm a pool's timer may be; 0: 50 ms
	// Span returns the times of the first packet of the run and of the latest. It is asked when pools are counted.
	Span func() (start, end capture.Time)
}

// linkKey names a link.
type linkKey struct {
	client netip.Addr
	server netip.AddrPort
}

// peer is what all links to one server share.
type peer struct {
	links  int
	prompt int64 // replies within promptWithin
}

// linkTotals counts what is kept of all links together.
type linkTotals struct{ failed, ticks, chains, exhausted int }

// linkLimits bound what is kept of links, of one and of all together.
type linkLimits struct {
	links, busy             *bound.Bound
	failed, allFailed       *bound.Bound
	ticks, allTicks         *bound.Bound
	chains, allChains       *bound.Bound
	exhausted, allExhausted *bound.Bound
	churns                  *bound.Bound // gaps of one chain
	closes                  *bound.Bound // of one link
	clusters                *bound.Bound // of one link
	clusterChains           *bound.Bound // of one cluster
}

// maxLinks is how many links are kept, at 0.7 to 4 KiB each, where nothing else is said; it is scaled to the memory limit.
const maxLinks = 1 << 13

// NewRegistry prepares the links of one run.
func NewRegistry(o RegistryOptions) *Registry {
	set := o.Bounds
	if set == nil {
		set = &bound.Set{}
	}
	r := &Registry{live: set.Live, links: map[linkKey]*Link{}, peers: map[netip.AddrPort]*peer{}, width: o.ClusterWidth, span: o.Span}
	if r.width <= 0 {
		r.width = clusterWidth
	}
	if r.span == nil {
		r.span = func() (start, end capture.Time) { return 0, 0 }
	}
	evidence := func(name string, limit int, hides string) *bound.Bound {
		return set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Evidence})
	}
	detail := func(name string, limit int, hides string) *bound.Bound {
		return set.New(bound.Bound{Name: name, Limit: limit, Hides: hides, Loses: bound.Detail})
	}
	r.limits = linkLimits{
		links: set.New(bound.Bound{
			Name: "pairs of client and server", Limit: cmp.Or(o.Links, set.Scaled(maxLinks)), Loses: bound.History,
			Hides: "pools, leaks and failed connects of further pairs; of a live run, of those without a connection for longest",
		}),
		busy: evidence("pairs of client and server with an open connection", cmp.Or(o.Links, set.Scaled(maxLinks)), "pools, leaks and failed connects of further pairs"),

		failed:    evidence("failed connects of one client", 1<<10, "the rhythm of its further failed connects"),
		allFailed: evidence("failed connects of all clients", 1<<16, "the rhythm of further failed connects"),

		// About 5 hours of 30 pools whose timers work every 30 s.
		ticks:    evidence("pool timer work of one client", 1<<14, "pools that it created later"),
		allTicks: evidence("pool timer work of all clients", 1<<17, "pools that were created later"),

		chains:    evidence("connection chains of one client", 1<<12, "its pools on further connections"),
		allChains: evidence("connection chains of all clients", 1<<15, "pools on further connections"),

		exhausted:    evidence("exhaustions of one client's connections", 1<<8, "its later exhaustions"),
		allExhausted: evidence("exhaustions of all clients' connections", 1<<13, "later exhaustions"),

		churns:        detail("replacement times of one connection chain", 16, "whether its later replacements kept the rhythm"),
		closes:        detail("closes of one client within 5 ms", 4, "which of its connections a new one replaced"),
		clusters:      detail("pools of one client", 1<<8, "its further pools: their number is a lower bound"),
		clusterChains: detail("connection chains of one pool", 1<<8, "which further connections belong to it"),
	}
	return r
}

// linkOf finds or makes the link of a connection; nil beyond the bound.
func (r *Registry) linkOf(client netip.Addr, server netip.AddrPort) *Link {
	k := linkKey{client, server}
	if l := r.links[k]; l != nil {
		return l
	}
	if !r.limits.links.Admits(len(r.links)) {
		if !r.live {
			return nil
		}
		longest := r.idle.First()
		if longest == nil {
			r.limits.busy.Hits++
			return nil
		}
		r.giveUp(longest)
	}
	p := r.peers[server]
	if p == nil {
		p = &peer{}
		r.peers[server] = p
	}
	p.links++
	l := &Link{Client: client, Server: server, registry: r, peer: p}
	r.links[k] = l
	return l
}

// giveUp forgets a link.
func (r *Registry) giveUp(l *Link) {
	r.idle.Remove(&l.idle)
	delete(r.links, linkKey{l.Client, l.Server})
	if l.peer.links--; l.peer.links == 0 {
		delete(r.peers, l.Server)
	}
	r.kept.failed -= len(l.Failed)
	r.kept.ticks -= len(l.Ticks)
	r.kept.chains -= len(l.Chains)
	r.kept.exhausted -= len(l.Exhausted)
}

// Tick says that no packet before now is still to come, of a live run: links that rest are forgotten, but for those that rules
// may tell of.
func (r *Registry) Tick(now capture.Time) {
	r.idle.Tick(now, func(l *Link) {
		if l.telling() {
			r.idle.Add(l, &l.idle)
			return
		}
		r.giveUp(l)
	})
}

// Links returns the links seen so far, in order of client and server.
func (r *Registry) Links() []*Link {
	all := make([]*Link, 0, len(r.links))
	for _, l := range r.links {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *Link) int {
		return cmp.Or(a.Client.Compare(b.Client), a.Server.Compare(b.Server))
	})
	return all
}
