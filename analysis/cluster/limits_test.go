package cluster

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// limited is a topology of which one limit is lower than usual.
func limited(name string, limit int) (*Topology, *bound.Set) {
	bounds := &bound.Set{}
	bounds.New(bound.Bound{Name: name, Limit: limit, Loses: bound.Evidence})
	return NewTopology(ClusterOptions{}, bounds), bounds
}

// connTo is a connection from 10.0.0.1 to the n-th server.
func connTo(t *Topology, id int64, n int) *NodeConn {
	s := &pairing.Session{}
	s.ID, s.Client, s.Server = id, netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), uint16(40000+id)), server(n)
	c := &NodeConn{}
	c.Begin(t, s)
	return c
}

func server(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}), 6379)
}

// hitsOf is how often a limit was reached.
func hitsOf(bounds *bound.Set, name string) int64 {
	for _, b := range bounds.Reached() {
		if b.Name == name {
			return b.Hits
		}
	}
	return 0
}

// TestServersBeyondTheBound: of a server that is not followed nothing is claimed that only a followed one can show.
func TestServersBeyondTheBound(t *testing.T) {
	top, bounds := limited("servers", 2)
	if top.Known(server(3)) || top.Lossy(server(3)) || !top.FollowsSlots(server(3)) {
		t.Error("below the bound, a server that was never seen is taken for one that may have been")
	}
	for n := range 4 {
		connTo(top, int64(n), n).Sent(&pairing.Exchange{Index: 1}, &resp.Request{})
	}
	if got := hitsOf(bounds, "servers"); got != 2 {
		t.Errorf("%d hits, want 2", got)
	}
	if top.Known(server(0)) || top.Lossy(server(0)) || !top.FollowsSlots(server(0)) {
		t.Error("a server that is followed is not known by what was seen of it")
	}
	if !top.Known(server(3)) || !top.Lossy(server(3)) || top.FollowsSlots(server(3)) {
		t.Error("a server beyond the bound is known as if it were followed")
	}
}

// TestNodesBeyondTheBound: which slots a node serves is not known of all nodes.
func TestNodesBeyondTheBound(t *testing.T) {
	top, bounds := limited("nodes with slots", 1)
	for n := range 3 {
		for at := range capture.Time(2) {
			top.serves(top.nodeOf(server(n)), 7, at+1)
		}
	}
	if at, ok := top.Served(server(0), 7); at != 2 || !ok || !top.FollowsSlots(server(0)) {
		t.Errorf("the first node served at %d, %v", at, ok)
	}
	if _, ok := top.Served(server(1), 7); ok || top.FollowsSlots(server(1)) {
		t.Error("a node beyond the bound is followed")
	}
	if got := hitsOf(bounds, "nodes with slots"); got != 2 {
		t.Errorf("%d hits, want one a node", got)
	}
}

// TestClientsBeyondTheBound: a client is counted once a connection, not with each command.
func TestClientsBeyondTheBound(t *testing.T) {
	top, bounds := limited("cluster clients", 0)
	c := connTo(top, 1, 1)
	for range 5 {
		if c.ofClient() != nil {
			t.Fatal("a view beyond the bound")
		}
	}
	if got := hitsOf(bounds, "cluster clients"); got != 1 {
		t.Errorf("%d hits, want 1", got)
	}
}

// TestQueueBeyondTheBound: a connection that drops out of the queue is evidence lost only while it waits.
func TestQueueBeyondTheBound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		waits bool
		again bool // it has sent another command since
		hits  int64
	}{
		{"answered", false, false, 0},
		{"waits", true, false, 1},
		{"waits, and is in the queue again", true, true, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			top, bounds := limited("connections awaiting one server", 3)
			c := connTo(top, 1, 1)
			c.node = top.nodeOf(server(1))
			c.node.asking.push(c, 1)
			if tc.waits {
				c.conn.Pending.Push(&pairing.Exchange{})
			}
			for id := range int64(3) {
				if id == 1 && tc.again {
					c.node.asking.push(c, 2)
				}
				if id < 2 || !tc.again {
					o := connTo(top, id+2, 1)
					o.node = c.node
					o.node.asking.push(o, capture.Time(id+2))
				}
			}
			if got := hitsOf(bounds, "connections awaiting one server"); got != tc.hits {
				t.Errorf("%d hits, want %d", got, tc.hits)
			}
			if n := len(c.node.asking.rest()); n != 3 {
				t.Errorf("%d in the queue, want 3", n)
			}
		})
	}
}

// TestWaitingNames: redirects that repeat one name leave room for others, and names that waited too long make room.
func TestWaitingNames(t *testing.T) {
	top, bounds := limited("host names without an address", 2)
	client, h := netip.MustParseAddr("10.0.0.1"), &top.names
	start := capture.Time(time.Hour)
	for range 3 {
		h.ask(client, nameKey("a", 7000), 7000, start)
	}
	h.ask(client, nameKey("b", 7001), 7001, start)
	if got := hitsOf(bounds, "host names without an address"); got != 0 || len(h.asked) != 2 {
		t.Errorf("%d hits, %d names wait, want 0 and 2", got, len(h.asked))
	}
	h.ask(client, nameKey("c", 7002), 7002, start)
	if got := hitsOf(bounds, "host names without an address"); got != 1 {
		t.Errorf("%d hits, want 1", got)
	}
	later := start.Add(followWindow)
	h.ask(client, nameKey("d", 7003), 7003, later)
	h.connecting(client, netip.MustParseAddrPort("10.0.0.9:7003"), later.Add(time.Second))
	if a := h.known["d:7003"]; a.String() != "10.0.0.9:7003" || len(h.asked) != 0 {
		t.Errorf("d is at %s, %d names wait", a, len(h.asked))
	}
}

// TestLimitsAreNamed: each limit has a name of its own and says what it hides.
func TestLimitsAreNamed(t *testing.T) {
	bounds := &bound.Set{}
	l := newClusterLimits(bounds)
	seen := map[*bound.Bound]bool{}
	for _, b := range []*bound.Bound{
		l.servers, l.clients, l.slotNodes, l.maps, l.mapNodes, l.mapBytes, l.names, l.waitingNames, l.storms, l.stalls, l.stallConns, l.asking, l.departed,
	} {
		if b == nil || b.Name == "" || b.Hides == "" || b.Limit <= 0 || seen[b] {
			t.Errorf("limit %s", fmt.Sprintf("%+v", b))
		}
		seen[b] = true
	}
}
