package cluster

import "github.com/respsniff/respsniff/internal/bound"

// clusterLimits are the limits on what is kept of servers and clusters.
type clusterLimits struct {
	servers      *bound.Bound
	clients      *bound.Bound
	slotNodes    *bound.Bound
	maps         *bound.Bound
	mapNodes     *bound.Bound
	mapBytes     *bound.Bound
	names        *bound.Bound
	waitingNames *bound.Bound
	storms       *bound.Bound
	stalls       *bound.Bound
	stallConns   *bound.Bound
	asking       *bound.Bound
	departed     *bound.Bound
}

func newClusterLimits(set *bound.Set) clusterLimits {
	return clusterLimits{
		servers: set.New(bound.Bound{
			Name: "servers", Limit: 4096, Loses: bound.Evidence,
			Hides: "stalls of further servers, and redirects by them or to them",
		}),
		clients: set.New(bound.Bound{ // 56 KiB and a slot map each
			Name: "cluster clients", Limit: set.Scaled(512), Loses: bound.Evidence,
			Hides: "old slot maps and missing ASKING of the clients on further addresses",
		}),
		slotNodes: set.New(bound.Bound{ // 128 KiB each
			Name: "nodes with slots", Limit: set.Scaled(256), Loses: bound.Evidence,
			Hides: "which slots further cluster nodes serve",
		}),
		maps: set.New(bound.Bound{
			Name: "slot maps", Limit: set.Scaled(256), Loses: bound.Evidence,
			Hides: "which cluster further nodes say that they belong to",
		}),
		mapNodes: set.New(bound.Bound{ // Redis recommends 1,000 at most
			Name: "nodes of a slot map", Limit: 1024, Loses: bound.Evidence,
			Hides: "further nodes of a cluster, and the slots that they have",
		}),
		mapBytes: set.New(bound.Bound{ // CLUSTER NODES of 4,000 nodes has about 600 KB
			Name: "bytes of a slot map", Limit: 1 << 20, Loses: bound.Evidence,
			Hides: "the slot maps that are larger",
		}),
		names: set.New(bound.Bound{
			Name: "host names", Limit: 1024, Loses: bound.Evidence,
			Hides: "where redirects to further host names lead",
		}),
		waitingNames: set.New(bound.Bound{
			Name: "host names without an address", Limit: 64, Loses: bound.Evidence,
			Hides: "where redirects to further host names lead, if only a connection shows it",
		}),
		storms: set.New(bound.Bound{
			Name: "MOVED storms", Limit: 1024, Loses: bound.Evidence,
			Hides: "times in which clients kept an old slot map",
		}),
		stalls: set.New(bound.Bound{
			Name: "stalls", Limit: 4096, Loses: bound.Evidence,
			Hides: "further stalls of servers, and what they caused",
		}),
		stallConns: set.New(bound.Bound{
			Name: "connections of a stall", Limit: 256, Loses: bound.Detail,
			Hides: "the names of further connections that waited; they are counted",
		}),
		asking: set.New(bound.Bound{
			Name: "connections awaiting one server", Limit: 1024, Loses: bound.Evidence,
			Hides: "the first of the connections that waited during a stall, and how long it was",
		}),
		departed: set.New(bound.Bound{
			Name: "connections closed during a silence", Limit: 1024, Loses: bound.Detail,
			Hides: "further connections that waited during a stall and were closed before its end",
		}),
	}
}
