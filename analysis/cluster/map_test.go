package cluster

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// testTopology is a run's topology with the limits that it has.
func testTopology(emit func(*Redirected)) *Topology {
	return NewTopology(ClusterOptions{Emit: emit}, &bound.Set{})
}

// TestClusterMaps: how what a node announces becomes addresses, names and owners.
func TestClusterMaps(t *testing.T) {
	all := []resp.SlotRange{{First: 0, Last: resp.Slots - 1}}
	for _, tc := range []struct {
		name   string
		listed []resp.SlotMapNode
		nodes  string // id=address[/name]
		owners map[uint16]string
	}{
		{
			"addresses",
			[]resp.SlotMapNode{
				{ID: []byte("ida"), Host: []byte("10.0.0.1"), Port: 6379, Slots: []resp.SlotRange{{First: 0, Last: 100}}},
				{ID: []byte("idr"), Host: []byte("10.0.0.9"), Port: 6380},
				{ID: []byte("idb"), Host: []byte("2001:db8::2"), Port: 6379, Slots: []resp.SlotRange{{First: 101, Last: 200}, {First: 300, Last: 300}}},
			},
			"ida=10.0.0.1:6379 idr=10.0.0.9:6380 idb=[2001:db8::2]:6379",
			map[uint16]string{0: "10.0.0.1:6379", 100: "10.0.0.1:6379", 101: "[2001:db8::2]:6379", 201: "", 300: "[2001:db8::2]:6379"},
		},
		{
			"a node for each range",
			[]resp.SlotMapNode{
				{ID: []byte("ida"), Host: []byte("10.0.0.1"), Port: 6379, Slots: []resp.SlotRange{{First: 0, Last: 5}}},
				{ID: []byte("ida"), Host: []byte("10.0.0.1"), Port: 6379, Slots: []resp.SlotRange{{First: 9, Last: 9}}},
			},
			"ida=10.0.0.1:6379", map[uint16]string{5: "10.0.0.1:6379", 6: "", 9: "10.0.0.1:6379"},
		},
		{"a name beside the address", []resp.SlotMapNode{{ID: []byte("ida"), Host: []byte("10.0.0.1"), Name: []byte("A.example"), Port: 6379}}, "ida=10.0.0.1:6379/A.example", nil},
		{
			"an address beside the name", []resp.SlotMapNode{{ID: []byte("ida"), Host: []byte("a.example"), IP: []byte("10.0.0.1"), Port: 6379, Slots: all}},
			"ida=10.0.0.1:6379/a.example", map[uint16]string{5: "10.0.0.1:6379"},
		},
		{
			"no host", []resp.SlotMapNode{{ID: []byte("ida"), Port: 6380}, {ID: []byte("idb"), IP: []byte("10.0.0.1"), Port: 6381}, {ID: []byte("idc"), Host: []byte("?"), Port: 6382}},
			"ida=10.0.0.5:6380 idb=10.0.0.5:6381 idc=invalid AddrPort", nil,
		},
		{
			"no name to announce", []resp.SlotMapNode{{ID: []byte("ida"), Host: []byte("?"), IP: []byte("10.0.0.1"), Name: []byte("a"), Port: 6380}},
			"ida=10.0.0.1:6380/a", nil,
		},
		{"no port", []resp.SlotMapNode{{ID: []byte("ida"), Host: []byte("10.0.0.1"), Slots: all}}, "ida=invalid AddrPort", map[uint16]string{0: ""}},
		{
			"names that are too long", []resp.SlotMapNode{{ID: []byte(strings.Repeat("i", 65)), Host: []byte(strings.Repeat("a", 256)), Port: 1}},
			strings.Repeat("i", 64) + "=invalid AddrPort", nil,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ClusterMap{From: netip.MustParseAddrPort("10.0.0.5:6379")}
			m.read(tc.listed, testTopology(nil).limits.mapNodes)
			var nodes []string
			for _, n := range m.Nodes {
				s := n.ID + "=" + n.Addr.String()
				if n.Host != "" {
					s += "/" + n.Host
				}
				nodes = append(nodes, s)
			}
			if got := strings.Join(nodes, " "); got != tc.nodes {
				t.Errorf("nodes %q, want %q", got, tc.nodes)
			}
			for slot, want := range tc.owners {
				got := ""
				if a := m.Owner(slot); a.IsValid() {
					got = a.String()
				}
				if got != want {
					t.Errorf("slot %d is owned by %q, want %q", slot, got, want)
				}
			}
		})
	}
}

func TestReplyTap(t *testing.T) {
	limit := testTopology(nil).limits.mapBytes
	tap := replyTap{limit: limit}
	feed := func(offset int64, text string, length int) {
		tap.feed(&reassembly.Segment{Offset: offset, Payload: []byte(text), Length: length})
	}
	feed(10, "abc", 3)
	feed(13, "defg", 4)
	if got := string(tap.bytes(12, 16)); got != "cdef" {
		t.Errorf("got %q", got)
	}
	if tap.bytes(9, 12) != nil || tap.bytes(12, 18) != nil || tap.bytes(14, 12) != nil {
		t.Error("gave bytes that it does not have")
	}
	feed(18, "x", 1)
	if tap.bytes(10, 12) != nil {
		t.Error("gave bytes across a hole")
	}
	tap = replyTap{limit: limit}
	feed(0, "ab", 5)
	if tap.bytes(0, 2) != nil {
		t.Error("gave bytes of a packet that was cut")
	}
	tap = replyTap{limit: limit}
	feed(0, strings.Repeat("x", limit.Limit), limit.Limit)
	if len(tap.buf) != limit.Limit || limit.Hits != 0 {
		t.Errorf("%d bytes kept, %d hits, want all of %d", len(tap.buf), limit.Hits, limit.Limit)
	}
	feed(int64(limit.Limit), "x", 1)
	if tap.buf != nil || limit.Hits != 1 {
		t.Errorf("%d bytes kept, %d hits, want none: more than the bound", len(tap.buf), limit.Hits)
	}
}

func TestResolve(t *testing.T) {
	names := testTopology(nil).names
	server := netip.MustParseAddrPort("10.0.0.5:7000")
	names.learn("Node-A.example", netip.MustParseAddrPort("10.0.0.1:6379"))
	for _, tc := range []struct {
		line, target string
		how          Resolution
	}{
		{"MOVED 5 10.0.0.9:6379", "10.0.0.9:6379", Literal},
		{"MOVED 5 2001:db8::1:6379", "[2001:db8::1]:6379", Literal},
		{"MOVED 5 [2001:db8::1]:6379", "[2001:db8::1]:6379", Literal},
		{"MOVED 5 ::ffff:10.0.0.9:6379", "10.0.0.9:6379", Literal},
		{"ASK 5 :6380", "10.0.0.5:6380", SameHost},
		{"MOVED 5 ?:6380", "10.0.0.5:6380", Placeholder},
		{"MOVED 5 node-a.EXAMPLE:6379", "10.0.0.1:6379", ByName},
		{"MOVED 5 node-a.example:6380", "invalid AddrPort", Unresolved},
		{"MOVED 5 node-b.example:6379", "invalid AddrPort", Unresolved},
	} {
		rd, ok := resp.ParseRedirect([]byte(tc.line))
		if !ok {
			t.Fatalf("%s is no redirect", tc.line)
		}
		if target, how, _ := names.resolve(server, &rd); target.String() != tc.target || how != tc.how {
			t.Errorf("%s: %v by %d, want %s by %d", tc.line, target, how, tc.target, tc.how)
		}
	}
}
