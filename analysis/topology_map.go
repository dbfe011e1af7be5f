package analysis

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/resp"
)

// maxMapNodes bounds the nodes that are kept of one slot map: Redis recommends 1,000 at most.
const maxMapNodes = 1024

// ClusterMap is a slot map that a node gave: the reply to CLUSTER SLOTS, SHARDS or NODES.
type ClusterMap struct {
	From, Client netip.AddrPort // the node that gave it, and who asked
	Conn         int64
	Command      string
	Frame        int64 // of the reply's last byte
	File         int32
	Time         capture.Time
	Nodes        []MapNode

	owners [resp.Slots]uint16 // index in Nodes plus one; 0: nobody
	places map[mapPlace]uint16
	given  int // slots given so far, to stop a map that gives the same ones again and again
}

// mapPlace is what makes a node of a map one and the same.
type mapPlace struct {
	id   string
	addr netip.AddrPort
}

// MapNode is one node of a slot map.
type MapNode struct {
	ID     string         // 40 hex digits by design; as sent, at most 64 bytes, not safe to print
	Addr   netip.AddrPort // invalid where it has only a name, or "?"
	Host   string         // its name, if it has one; not safe to print
	Myself bool           // it is the node that gave the map, as CLUSTER NODES says
}

// Owner returns the node that has a slot, by this map; the zero value for none.
func (m *ClusterMap) Owner(slot uint16) netip.AddrPort {
	if m == nil || slot >= resp.Slots || m.owners[slot] == 0 {
		return netip.AddrPort{}
	}
	return m.Nodes[m.owners[slot]-1].Addr
}

// Names reports whether the map lists a node at this address.
func (m *ClusterMap) Names(addr netip.AddrPort) (*MapNode, bool) {
	for i := range m.Nodes {
		if m.Nodes[i].Addr == addr {
			return &m.Nodes[i], true
		}
	}
	return nil, false
}

// mapped takes the slot map that was asked for.
func (r *Run) mapped(s *Session, ex *Exchange, reply *resp.Reply) {
	tap := s.topo.tap
	s.topo.tap = nil
	raw := tap.bytes(reply.Start, reply.End)
	if raw == nil || reply.Kind == resp.Error || ex.Flags&Uncertain != 0 {
		return
	}
	m := &ClusterMap{
		From: s.Server, Client: s.Client, Conn: s.ID, Command: ex.CommandName(), Frame: ex.Serves.Frame, File: ex.Serves.File, Time: ex.Serves.Time,
	}
	t := &r.topology
	switch ex.Command {
	case t.mapCommands[0]:
		m.readSlots(raw)
	case t.mapCommands[1]:
		m.readShards(raw)
	case t.mapCommands[2]:
		m.readNodes(raw)
	}
	if len(m.Nodes) == 0 {
		return
	}
	t.active = true
	m.places = nil
	for i := range m.Nodes {
		t.learnName(m.Nodes[i].Host, m.Nodes[i].Addr)
	}
	if n := s.topo.node; n.given != nil || t.maps < maxMaps {
		if n.given == nil {
			t.maps++
		}
		n.given = m
	}
	if s.topo.view == nil {
		s.topo.view = t.viewOf(s.Client.Addr())
	}
	if s.topo.view != nil {
		s.topo.view.chart = m
	}
}

// ClusterMaps returns the latest map that each node gave, in the order of the nodes' addresses.
func (r *Run) ClusterMaps() []*ClusterMap {
	var all []*ClusterMap
	for _, n := range r.topology.nodes {
		if n.given != nil {
			all = append(all, n.given)
		}
	}
	slices.SortFunc(all, func(a, b *ClusterMap) int { return a.From.Compare(b.From) })
	return all
}

// SlotOwner returns the node that has a slot: by the latest map that a client of this address got, else by the data that
// nodes gave for the slot; the zero value if nothing tells.
func (r *Run) SlotOwner(client netip.Addr, slot uint16) netip.AddrPort {
	t := &r.topology
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

// add lists a node once, and returns its index plus one, or 0 beyond the bound.
func (m *ClusterMap) add(n MapNode) uint16 {
	place := mapPlace{n.ID, n.Addr}
	if i := m.places[place]; i > 0 {
		return i
	}
	if len(m.Nodes) >= maxMapNodes {
		return 0
	}
	if m.places == nil {
		m.places = map[mapPlace]uint16{}
	}
	m.Nodes = append(m.Nodes, n)
	m.places[place] = uint16(len(m.Nodes))
	return uint16(len(m.Nodes))
}

// give notes the owner of a range of slots.
func (m *ClusterMap) give(from, to int64, index uint16) {
	if from < 0 || from > to || to >= resp.Slots || index == 0 || m.given > 4*resp.Slots {
		return
	}
	m.given += int(to - from + 1)
	for ; from <= to; from++ {
		m.owners[from] = index
	}
}

// address reads a host as nodes announce it. An empty one is the host that was asked.
func (m *ClusterMap) address(host []byte, port int64) (netip.AddrPort, string) {
	if port <= 0 || port > 65535 {
		return netip.AddrPort{}, ""
	}
	if len(host) == 0 {
		return netip.AddrPortFrom(m.From.Addr(), uint16(port)), ""
	}
	if len(host) > nameWidth || string(host) == "?" {
		return netip.AddrPort{}, ""
	}
	if a, err := netip.ParseAddr(string(host)); err == nil {
		return netip.AddrPortFrom(a.Unmap().WithZone(""), uint16(port)), ""
	}
	return netip.AddrPort{}, string(host)
}

// readNodes reads CLUSTER NODES: one line a node,
// "<id> <ip:port@cport[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot>...".
func (m *ClusterMap) readNodes(raw []byte) {
	_, text, ok := bytes.Cut(raw, []byte("\r\n"))
	if !ok {
		return
	}
	text = bytes.TrimPrefix(text, []byte("txt:"))
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) < 8 {
			continue
		}
		n := MapNode{ID: short(f[0]), Myself: bytes.Contains(f[2], []byte("myself"))}
		place, extra, _ := bytes.Cut(f[1], []byte(","))
		name, _, _ := bytes.Cut(extra, []byte(","))
		place, _, _ = bytes.Cut(place, []byte("@"))
		colon := bytes.LastIndexByte(place, ':')
		if colon < 0 || bytes.Contains(f[2], []byte("noaddr")) {
			continue
		}
		port, ok := decimal(place[colon+1:])
		if !ok {
			continue
		}
		n.Addr, n.Host = m.address(place[:colon], port)
		if len(name) > 0 && len(name) <= nameWidth {
			n.Host = string(name)
		}
		index := m.add(n)
		for _, s := range f[8:] {
			if s[0] == '[' {
				continue // a slot on its way
			}
			from, to, isRange := bytes.Cut(s, []byte("-"))
			a, ok := decimal(from)
			b := a
			if isRange {
				var last bool
				b, last = decimal(to)
				ok = ok && last
			}
			if ok {
				m.give(a, b, index)
			}
		}
	}
}

// short keeps what an identifier may be long.
func short(b []byte) string { return string(b[:min(len(b), 64)]) }

// decimal reads a number without sign, as the wire has it.
func decimal(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 || b[0] < '0' || b[0] > '9' {
		return 0, false
	}
	n, err := strconv.ParseInt(string(b), 10, 64)
	return n, err == nil
}

func decimalText(port uint16) string { return strconv.Itoa(int(port)) }
