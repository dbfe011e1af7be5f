package analysis

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// encode writes words as the elements of an array: integers begin with ':', anything else is a bulk string.
func encode(elems ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(elems))
	for _, e := range elems {
		switch {
		case strings.HasPrefix(e, "*"), strings.HasPrefix(e, "%"):
			b.WriteString(e)
		case strings.HasPrefix(e, ":"):
			b.WriteString(e + "\r\n")
		case e == "nil":
			b.WriteString("$-1\r\n")
		default:
			fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(e), e)
		}
	}
	return b.String()
}

// asMap turns an encoded array of words and values into a RESP3 map.
func asMap(array string, pairs int) string {
	_, rest, _ := strings.Cut(array, "\r\n")
	return fmt.Sprintf("%%%d\r\n%s", pairs, rest)
}

func bulk(s string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(s), s) }

func TestClusterMaps(t *testing.T) {
	slots := func(a, b string, nodes ...string) string {
		return encode(append([]string{":" + a, ":" + b}, nodes...)...)
	}
	shard := func(ranges []string, nodes ...string) string {
		return encode("slots", encode(ranges...), "nodes", encode(nodes...))
	}
	nodeA := encode("id", "ida", "port", ":6379", "ip", "10.0.0.1", "endpoint", "10.0.0.1", "hostname", "a.example", "role", "master")
	nodeB := encode("id", "idb", "tls-port", ":6390", "ip", "2001:db8::2", "endpoint", "", "role", "master")
	replica := encode("id", "idc", "port", ":6381", "ip", "10.0.0.3", "role", "replica")
	for _, tc := range []struct {
		name, raw string
		read      func(*ClusterMap, []byte)
		nodes     string // id=address[/name]
		owners    map[uint16]string
	}{
		{
			"slots", encode(slots("0", "100", encode("10.0.0.1", ":6379", "ida"), encode("10.0.0.9", ":6380", "idr")), slots("101", "16383", encode("2001:db8::2", ":6379", "idb"))),
			(*ClusterMap).readSlots, "ida=10.0.0.1:6379 idr=10.0.0.9:6380 idb=[2001:db8::2]:6379",
			map[uint16]string{0: "10.0.0.1:6379", 100: "10.0.0.1:6379", 101: "[2001:db8::2]:6379", 16383: "[2001:db8::2]:6379"},
		},
		{
			"slots with names", encode(slots("0", "16383", encode("10.0.0.1", ":6379", "ida", encode("hostname", "A.example")))),
			(*ClusterMap).readSlots, "ida=10.0.0.1:6379/A.example", nil,
		},
		{
			"slots with preferred names", encode(slots("0", "16383", encode("a.example", ":6379", "ida", encode("ip", "10.0.0.1")))),
			(*ClusterMap).readSlots, "ida=10.0.0.1:6379/a.example", map[uint16]string{5: "10.0.0.1:6379"},
		},
		{
			"slots without hosts", encode(slots("0", "16383", encode("", ":6380", "ida"), encode("nil", ":6381", "idb"), encode("?", ":6382", "idc"))),
			(*ClusterMap).readSlots, "ida=10.0.0.5:6380 idb=10.0.0.5:6381 idc=invalid AddrPort", nil,
		},
		{"slots out of range", encode(slots("16000", "16384", encode("10.0.0.1", ":6379", "ida"))), (*ClusterMap).readSlots, "ida=10.0.0.1:6379", map[uint16]string{16000: ""}},
		{
			"shards", encode(shard([]string{":0", ":99", ":200", ":299"}, nodeA, replica), shard([]string{":100", ":199"}, nodeB)),
			(*ClusterMap).readShards, "ida=10.0.0.1:6379/a.example idc=10.0.0.3:6381 idb=[2001:db8::2]:6390",
			map[uint16]string{0: "10.0.0.1:6379", 99: "10.0.0.1:6379", 100: "[2001:db8::2]:6390", 250: "10.0.0.1:6379", 300: ""},
		},
		{
			"shards in RESP3", encode(asMap(encode("slots", encode(":0", ":99"), "nodes", encode(asMap(nodeA, 6))), 2)),
			(*ClusterMap).readShards, "ida=10.0.0.1:6379/a.example", map[uint16]string{99: "10.0.0.1:6379", 100: ""},
		},
		{
			"nodes", bulk("ida 10.0.0.1:6379@16379,a.example,shard-id=x myself,master - 0 0 1 connected 0-5460 7000 [93->-idb]\n" +
				"idb 2001:db8::2:6379@16379 master - 0 1 2 connected 5461-6999\nidc :0@0 master,noaddr - 0 0 3 disconnected\nidd :6381@16381 slave ida 0 0 1 connected\n"),
			(*ClusterMap).readNodes, "ida=10.0.0.1:6379/a.example idb=[2001:db8::2]:6379 idd=10.0.0.5:6381",
			map[uint16]string{0: "10.0.0.1:6379", 7000: "10.0.0.1:6379", 93: "10.0.0.1:6379", 5461: "[2001:db8::2]:6379", 7001: ""},
		},
		{"nodes in RESP3", "=52\r\ntxt:ida 10.0.0.1:6379@16379 master - 0 0 1 connected\n\r\n", (*ClusterMap).readNodes, "ida=10.0.0.1:6379", nil},
		{"an error line", "-ERR This instance has cluster support disabled\r\n", (*ClusterMap).readSlots, "", nil},
		{"cut short", "*1\r\n*3\r\n:0\r\n:5\r\n*3\r\n$8\r\n10.0", (*ClusterMap).readSlots, "", nil},
		{"negative length", "*1\r\n*-5\r\n", (*ClusterMap).readShards, "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := ClusterMap{From: netip.MustParseAddrPort("10.0.0.5:6379")}
			tc.read(&m, []byte(tc.raw))
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
	var tap replyTap
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
	tap = replyTap{}
	feed(0, "ab", 5)
	if tap.bytes(0, 2) != nil {
		t.Error("gave bytes of a packet that was cut")
	}
	tap = replyTap{}
	feed(0, strings.Repeat("x", maxTap+1), maxTap+1)
	if tap.buf != nil {
		t.Error("kept more than its bound")
	}
}

func TestResolve(t *testing.T) {
	var top topology
	top.prepare()
	server := netip.MustParseAddrPort("10.0.0.5:7000")
	top.learnName("Node-A.example", netip.MustParseAddrPort("10.0.0.1:6379"))
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
		if target, how, _ := top.resolve(server, &rd); target.String() != tc.target || how != tc.how {
			t.Errorf("%s: %v by %d, want %s by %d", tc.line, target, how, tc.target, tc.how)
		}
	}
}

func TestQuantile(t *testing.T) {
	var m medianSketch
	for i := 1; i <= 100; i++ {
		m.add(time.Duration(i) * 10 * time.Microsecond)
	}
	for percent, want := range map[uint32]time.Duration{5: 48, 50: 448, 95: 896} {
		if got := m.quantile(percent); got != want*time.Microsecond {
			t.Errorf("%d %%: %s, want %s", percent, got, want*time.Microsecond)
		}
	}
	if m.quantile(50) != m.median() {
		t.Errorf("quantile %s, median %s", m.quantile(50), m.median())
	}
}

// FuzzClusterMap reads anything as each kind of slot map: no panic, no more nodes than the bound, owners that exist.
func FuzzClusterMap(f *testing.F) {
	f.Add([]byte(encode(encode(":0", ":5", encode("10.0.0.1", ":6379", "ida", encode("hostname", "x"))))))
	f.Add([]byte(encode(encode("slots", encode(":0", ":5"), "nodes", encode(encode("id", "x", "port", ":1", "ip", "10.0.0.1", "role", "master"))))))
	f.Add([]byte(bulk("ida 10.0.0.1:6379@16379 master - 0 0 1 connected 0-5 7 [8->-x]\n")))
	f.Add([]byte("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, read := range []func(*ClusterMap, []byte){(*ClusterMap).readSlots, (*ClusterMap).readShards, (*ClusterMap).readNodes} {
			m := ClusterMap{From: netip.MustParseAddrPort("10.0.0.5:6379")}
			read(&m, raw)
			if len(m.Nodes) > maxMapNodes {
				t.Fatal("too many nodes")
			}
			for slot := range uint16(resp.Slots) {
				m.Owner(slot)
			}
		}
	})
}
