package resp

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// array encodes words as the values of an array: what begins with a type byte and ends a line is a value already, ":7" is
// an integer, "nil" is null, anything else a bulk string.
func array(elems ...string) string {
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
			b.WriteString(bulk(e))
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

// shown prints a node: id=host[/ip][/name]:port role slots.
func (n *SlotMapNode) shown() string {
	s := fmt.Sprintf("%s=%s", n.ID, n.Host)
	if len(n.IP) > 0 {
		s += fmt.Sprintf(" ip %s", n.IP)
	}
	if len(n.Name) > 0 {
		s += fmt.Sprintf(" name %s", n.Name)
	}
	s += fmt.Sprintf(" %d %s", n.Port, [...]string{"?", "master", "replica"}[n.Role])
	if n.Myself {
		s += " myself"
	}
	for _, r := range n.Slots {
		s += fmt.Sprintf(" %d-%d", r.First, r.Last)
	}
	return s
}

// slotMapCases are replies in each form.
func slotMapCases() []struct {
	name  string
	form  SlotMapForm
	raw   string
	nodes []string
} {
	slots := func(a, b string, nodes ...string) string {
		return array(append([]string{":" + a, ":" + b}, nodes...)...)
	}
	shard := func(ranges []string, nodes ...string) string {
		return array("slots", array(ranges...), "nodes", array(nodes...))
	}
	nodeA := array("id", "ida", "port", ":6379", "ip", "10.0.0.1", "endpoint", "10.0.0.1", "hostname", "a.example", "role", "master")
	nodeB := array("id", "idb", "tls-port", ":6390", "ip", "2001:db8::2", "endpoint", "", "role", "master", "replication-offset", ":-1")
	replica := array("id", "idc", "port", ":6381", "ip", "10.0.0.3", "role", "replica", "later", array("x", array("y")))
	return []struct {
		name  string
		form  SlotMapForm
		raw   string
		nodes []string
	}{
		{
			"slots", ClusterSlots,
			array(slots("0", "100", array("10.0.0.1", ":6379", "ida"), array("10.0.0.9", ":6380", "idr")), slots("101", "16383", array("2001:db8::2", ":6379", "idb"))),
			[]string{"ida=10.0.0.1 6379 master 0-100", "idr=10.0.0.9 6380 replica", "idb=2001:db8::2 6379 master 101-16383"},
		},
		{
			"slots, no host at all", ClusterSlots,
			array(slots("0", "5", array("nil", ":6379", "ida", array("ip", "10.0.0.1", "hostname", "a", "later", array("x"))), array("?", ":6380", "idb"), array("", ":6381", "idc"))),
			[]string{"ida= ip 10.0.0.1 name a 6379 master 0-5", "idb=? 6380 replica", "idc= 6381 replica"},
		},
		{"slots out of range", ClusterSlots, array(slots("16000", "16384", array("h", ":6379", "ida"))), []string{"ida=h 6379 master"}},
		{"slots turned round", ClusterSlots, array(slots("5", "4", array("h", ":6379", "ida"))), []string{"ida=h 6379 master"}},
		{"port out of range", ClusterSlots, array(slots("0", "4", array("h", ":65536", "ida"))), []string{"ida=h 0 master 0-4"}},
		{"no list of nodes", ClusterSlots, array(slots("0", "4", "x"), ":3", array()), nil},
		{"metadata as a map", ClusterSlots, array(slots("0", "4", array("h", ":1", "ida", asMap(array("hostname", "a"), 1)))), []string{"ida=h name a 1 master 0-4"}},
		{"metadata of odd length", ClusterSlots, array(slots("0", "4", array("h", ":1", "ida", array("hostname", "a", "ip")), array("i", ":2", "idb"))), []string{"ida=h name a 1 master 0-4", "idb=i 2 replica"}},
		{
			"shards", ClusterShards,
			array(shard([]string{":0", ":99", ":200", ":299"}, nodeA, replica), shard([]string{":100", ":199"}, nodeB)),
			[]string{"ida=10.0.0.1 name a.example 6379 master 0-99 200-299", "idc=10.0.0.3 6381 replica", "idb=2001:db8::2 6390 master 100-199"},
		},
		{
			"shards in RESP3", ClusterShards, array(asMap(array("slots", array(":0", ":99"), "nodes", array(asMap(nodeA, 6))), 2)),
			[]string{"ida=10.0.0.1 name a.example 6379 master 0-99"},
		},
		{
			"shards, nodes before their slots", ClusterShards, array(array("nodes", array(nodeA), "slots", array(":0", ":99"))),
			[]string{"ida=10.0.0.1 name a.example 6379 master 0-99"},
		},
		{"shards without addresses", ClusterShards, array(shard(nil, array("id", "ida", "endpoint", "a", "port", ":1", "role", "master"))), []string{"ida=a 1 master"}},
		{
			"nodes", ClusterNodes,
			bulk("ida 10.0.0.1:6379@16379,a.example,shard-id=x myself,master - 0 0 1 connected 0-5460 7000 [93->-idb]\n" +
				"idb 2001:db8::2:6379@16379 master - 0 1 2 connected 5461-6999\nidc :0@0 master,noaddr - 0 0 3 disconnected\nidd :6381@16381 slave ida 0 0 1 connected\n"),
			[]string{"ida=10.0.0.1 name a.example 6379 master myself 0-5460 7000-7000", "idb=2001:db8::2 6379 master 5461-6999", "idd= 6381 replica"},
		},
		{"nodes in RESP3", ClusterNodes, "=53\r\ntxt:ida 10.0.0.1:6379@16379 master - 0 0 1 connected\n\r\n", []string{"ida=10.0.0.1 6379 master"}},
		{"lines that are none", ClusterNodes, bulk("ida 10.0.0.1 master - 0 0 1 connected\nida 10.0.0.1:x master - 0 0 1 connected\nida 1:2\n\n"), nil},
		{"an error", ClusterSlots, "-ERR This instance has cluster support disabled\r\n", nil},
		{"an error to nodes", ClusterNodes, "-ida 10.0.0.1:6379@16379 master - 0 0 1 connected\r\n", nil},
		{"null", ClusterShards, "*-1\r\n", nil},
		{"something else", ClusterNodes, array("a", "b"), nil},
		{"no slot map", NoSlotMap, "+OK\r\n", nil},
	}
}

func TestParseSlotMap(t *testing.T) {
	for _, tc := range slotMapCases() {
		t.Run(tc.name, func(t *testing.T) {
			nodes, err := ParseSlotMap(tc.form, []byte(tc.raw))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for i := range nodes {
				got = append(got, nodes[i].shown())
			}
			if a, b := strings.Join(got, "\n"), strings.Join(tc.nodes, "\n"); a != b {
				t.Errorf("nodes\n%s\nwant\n%s", a, b)
			}
		})
	}
}

// TestCutSlotMaps: a reply that breaks off is known as one, wherever it does.
func TestCutSlotMaps(t *testing.T) {
	for _, tc := range slotMapCases() {
		for cut := range tc.raw {
			if tc.form == NoSlotMap {
				continue
			}
			if nodes, err := ParseSlotMap(tc.form, []byte(tc.raw[:cut])); err != ErrShort || nodes != nil {
				t.Errorf("%s, cut at %d: %d nodes, error %v", tc.name, cut, len(nodes), err)
			}
		}
	}
}

func TestBrokenSlotMaps(t *testing.T) {
	many := strings.Repeat("0-16383 ", 5)
	for _, tc := range []struct {
		name   string
		form   SlotMapForm
		raw    string
		offset int64
	}{
		{"negative length", ClusterShards, "*1\r\n*-5\r\n", 4},
		{"no number", ClusterSlots, "*1\r\n*x\r\n", 4},
		{"no value", ClusterSlots, "*1\r\n\r\n", 4},
		{"a push", ClusterSlots, "*1\r\n>0\r\n", 4},
		{"no line end behind a string", ClusterShards, "*1\r\n*2\r\n$1\r\nabc:1\r\n", 8},
		{"slots given again and again", ClusterNodes, bulk("ida h:1@2 master - 0 0 1 connected " + many), int64(len(bulk("ida h:1@2 master - 0 0 1 connected " + many)))},
	} {
		t.Run(tc.name, func(t *testing.T) {
			nodes, err := ParseSlotMap(tc.form, []byte(tc.raw))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Offset != tc.offset || nodes != nil {
				t.Errorf("%d nodes, error %v, want one at %d", len(nodes), err, tc.offset)
			}
		})
	}
}

// FuzzSlotMap reads anything in each form: no panic, slots that exist, and no more of them than the bound.
func FuzzSlotMap(f *testing.F) {
	for _, tc := range slotMapCases() {
		f.Add([]byte(tc.raw))
	}
	f.Add([]byte("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for form := NoSlotMap; form <= ClusterNodes; form++ {
			nodes, err := ParseSlotMap(form, raw)
			if err != nil && len(nodes) > 0 {
				t.Fatal("nodes of a broken map")
			}
			given := 0
			for _, n := range nodes {
				if n.Role != Master && form != ClusterNodes && len(n.Slots) > 0 {
					t.Fatal("slots of a replica")
				}
				for _, r := range n.Slots {
					if r.First > r.Last || r.Last >= Slots {
						t.Fatalf("range %d-%d", r.First, r.Last)
					}
					if form == ClusterNodes {
						given += int(r.Last-r.First) + 1
					}
				}
			}
			if given > maxSlotsGiven {
				t.Fatal("too many slots")
			}
		}
	})
}
