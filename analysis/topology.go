package analysis

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// followWindow is how soon after a redirect a client goes where it points.
const followWindow = 2 * time.Second

// ClusterOptions steer a Topology; the zero value is good.
type ClusterOptions struct {
	StallMin  time.Duration // rs401.stall_min, the shortest stall; 0: stallMin
	AskFollow time.Duration // rs306.follow_window, how soon a client follows an ASK; 0: followWindow
	Lossy     bool          // the kernel dropped packets of the capture
	// Emit is called with each redirect that may be about the command that it answers. The event is borrowed.
	Emit func(*Redirected)
}

// Topology is what a run knows of servers, and of the clusters they form.
type Topology struct {
	o      ClusterOptions
	limits clusterLimits
	nodes  map[netip.AddrPort]*node
	active bool // a redirect or a slot map was seen: keyed commands are followed
	views  map[netip.Addr]*clusterView
	names  hostNames
	storms movedStorms
	stalls stalls
	event  Redirected
	seed   maphash.Seed // of the prints of slot maps, so that none can be forged

	slotNodes, maps int // nodes that have slots, that have given a map

	askingCommand, clientCommand, pauseCommand *commands.Command
	mapCommands                                [resp.ClusterNodes + 1]*commands.Command // by form
}

// NewTopology begins a run. Its limits become a part of bounds.
func NewTopology(o ClusterOptions, bounds *bound.Set) *Topology {
	if o.StallMin == 0 {
		o.StallMin = stallMin
	}
	if o.AskFollow == 0 {
		o.AskFollow = followWindow
	}
	t := &Topology{
		o: o, limits: newClusterLimits(bounds), nodes: map[netip.AddrPort]*node{}, views: map[netip.Addr]*clusterView{}, seed: maphash.MakeSeed(),
		askingCommand: commandNamed("ASKING"), clientCommand: commandNamed("CLIENT"), pauseCommand: commandNamed("CLIENT", "PAUSE", "0"),
		mapCommands: [...]*commands.Command{
			resp.ClusterSlots:  commandNamed("CLUSTER", "SLOTS"),
			resp.ClusterShards: commandNamed("CLUSTER", "SHARDS"),
			resp.ClusterNodes:  commandNamed("CLUSTER", "NODES"),
		},
	}
	t.names = hostNames{known: map[string]netip.AddrPort{}, limit: t.limits.names, waiting: t.limits.waitingNames}
	t.storms.limit = t.limits.storms
	t.stalls = stalls{shortest: o.StallMin, limit: t.limits.stalls, named: t.limits.stallConns}
	return t
}

func commandNamed(words ...string) *commands.Command {
	req := resp.Request{NArgs: len(words)}
	for _, w := range words {
		req.Args = append(req.Args, resp.Arg{Bytes: []byte(w), Len: len(w)})
	}
	return commands.Lookup(&req)
}

// formOf returns the slot map that a command asks for, if it does.
func (t *Topology) formOf(cmd *commands.Command) resp.SlotMapForm {
	for form := resp.ClusterSlots; form <= resp.ClusterNodes; form++ {
		if cmd == t.mapCommands[form] {
			return form
		}
	}
	return resp.NoSlotMap
}

// Active reports whether anything has shown a cluster: the keys of commands are followed from then on.
func (t *Topology) Active() bool { return t.active }

// nodeOf finds or makes the node of a server; nil beyond the bound.
func (t *Topology) nodeOf(addr netip.AddrPort) *node {
	n := t.nodes[addr]
	if n == nil && t.limits.servers.Admits(len(t.nodes)) {
		n = &node{addr: addr}
		n.asking.limit = t.limits.asking
		t.nodes[addr] = n
	}
	return n
}

// viewOf finds or makes the view of a client address; nil beyond the bound.
func (t *Topology) viewOf(client netip.Addr) *clusterView {
	v := t.views[client]
	if v == nil && t.limits.clients.Admits(len(t.views)) {
		v = &clusterView{client: client}
		t.views[client] = v
	}
	return v
}

// beyond reports whether a server that is not followed may have been seen all the same.
func (t *Topology) beyond(n *node) bool { return n == nil && t.limits.servers.Hits > 0 }

// Served returns when a node last gave data for a slot without ASKING, which proves that it served the slot then. It
// knows this only from the first sign of a cluster on, and only of nodes of which FollowsSlots is true.
func (t *Topology) Served(server netip.AddrPort, slot uint16) (at capture.Time, ok bool) {
	n := t.nodes[server]
	if n == nil || n.slots == nil || slot >= resp.Slots {
		return 0, false
	}
	at = n.slots[slot]
	return at, at != 0
}

// FollowsSlots reports whether it is remembered which slots a node serves, should it serve any.
func (t *Topology) FollowsSlots(server netip.AddrPort) bool {
	n := t.nodes[server]
	return !t.beyond(n) && (n == nil || !n.unfollowed)
}

// Known reports whether a server was ever heard in this capture: its process sent a byte. Of a server beyond the bound
// on servers that is taken for granted.
func (t *Topology) Known(server netip.AddrPort) bool {
	n := t.nodes[server]
	return t.beyond(n) || n != nil && n.last > 0
}

// Lossy reports whether bytes of any connection to a server were sent and not captured, as far as that was noticed. Of a
// server beyond the bound on servers that is taken for granted.
func (t *Topology) Lossy(server netip.AddrPort) bool {
	n := t.nodes[server]
	return t.o.Lossy || t.beyond(n) || n != nil && n.lossy
}

// Servers returns the servers of which anything was heard, in order.
func (t *Topology) Servers() []netip.AddrPort {
	var all []netip.AddrPort
	for a, n := range t.nodes {
		if n.last > 0 {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return all
}

// PingSplit returns, for a server, how many PINGs and how many commands with keys were answered alone, the latency that
// 95 % of those PINGs stay below, and the one that 95 % of those commands exceed.
func (t *Topology) PingSplit(server netip.AddrPort) (pings, keyed int, slowPing, fastKeyed time.Duration) {
	n := t.nodes[server]
	if n == nil {
		return 0, 0, 0, 0
	}
	return int(n.ping.n), int(n.keyed.n), n.ping.quantile(95), n.keyed.quantile(5)
}

// MovedStorms returns the storms of all clients in order of time, when the run is over.
func (t *Topology) MovedStorms() []*MovedStorm { return t.storms.finish(t.views) }

// ClusterMaps returns the latest map that each node gave, in the order of the nodes' addresses.
func (t *Topology) ClusterMaps() []*ClusterMap {
	var all []*ClusterMap
	for _, n := range t.nodes {
		if n.given != nil {
			all = append(all, n.given)
		}
	}
	slices.SortFunc(all, func(a, b *ClusterMap) int { return a.From.Compare(b.From) })
	return all
}

// SlotOwner returns the node that has a slot: by the latest map that a client of this address got, else by the data that
// nodes gave for the slot; the zero value if nothing shows it.
func (t *Topology) SlotOwner(client netip.Addr, slot uint16) netip.AddrPort {
	if v := t.views[client]; v != nil && v.chart != nil {
		if a := v.chart.Owner(slot); a.IsValid() {
			return a
		}
	}
	var best *node
	for _, n := range t.nodes {
		if n.slots == nil || slot >= resp.Slots || n.slots[slot] == 0 {
			continue
		}
		if best == nil || n.slots[slot] > best.slots[slot] || n.slots[slot] == best.slots[slot] && n.addr.Compare(best.addr) < 0 {
			best = n
		}
	}
	if best == nil {
		return netip.AddrPort{}
	}
	return best.addr
}
