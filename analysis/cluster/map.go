package cluster

import (
	"hash/maphash"
	"net/netip"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

// ClusterMap is a slot map that a node gave: the reply to CLUSTER SLOTS, SHARDS or NODES.
type ClusterMap struct {
	From, Client netip.AddrPort // the node that gave it, and who asked
	Conn         int64
	Command      string
	Frame        int64 // of the reply's last byte
	File         int32
	Time         capture.Time
	slotTable
	print mapPrint
}

// slotTable is what a slot map says. Maps that say the same share it.
type slotTable struct {
	Nodes  []MapNode
	owners *[resp.Slots]uint16 // index in Nodes plus one; 0: nobody
}

// MapNode is one node of a slot map.
type MapNode struct {
	ID     string         // 40 hex digits by design; as sent, at most 64 bytes, not safe to print
	Addr   netip.AddrPort // invalid where it has only a name, or "?"
	Host   string         // its name, if it has one; not safe to print
	Myself bool           // it is the node that gave the map, as CLUSTER NODES says
}

// idWidth is how much of a node's id is kept.
const idWidth = 64

// mapPrint tells one reply from another: a map with the print of another one from the same node says the same.
type mapPrint struct {
	form   resp.SlotMapForm
	length int
	hash   uint64
}

// Owner returns the node that has a slot, by this map; the zero value for none.
func (m *ClusterMap) Owner(slot uint16) netip.AddrPort {
	if m == nil || m.owners == nil || slot >= resp.Slots || m.owners[slot] == 0 {
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
func (c *NodeConn) mapped(form resp.SlotMapForm, ex *pairing.Exchange, reply *resp.Reply) {
	raw := c.tap.bytes(reply.Start, reply.End)
	c.tap = nil
	if raw == nil || reply.Kind == resp.Error || ex.Flags&pairing.Uncertain != 0 {
		return
	}
	t, s, n := c.topology, c.conn, c.node
	m := &ClusterMap{
		From: s.Server, Client: s.Client, Conn: s.ID, Command: ex.CommandName(), Frame: ex.Serves.Frame, File: ex.Serves.File, Time: ex.Serves.Time,
		print: mapPrint{form, len(raw), maphash.Bytes(t.seed, raw)},
	}
	if n.given != nil && n.given.print == m.print {
		m.slotTable = n.given.slotTable
	} else if listed, err := resp.ParseSlotMap(form, raw); err == nil {
		m.read(listed, t.limits.mapNodes)
	}
	if len(m.Nodes) == 0 {
		return
	}
	t.active = true
	for i := range m.Nodes {
		t.names.learn(m.Nodes[i].Host, m.Nodes[i].Addr)
	}
	if n.given != nil || t.limits.maps.Admits(t.maps) {
		if n.given == nil {
			t.maps++
		}
		n.given = m
	}
	if v := c.ofClient(); v != nil {
		v.chart = m
		v.met(n)
	}
}

// read takes the nodes that a map lists, each once, and who has which slots. The latest range counts.
func (m *ClusterMap) read(listed []resp.SlotMapNode, limit *bound.Bound) {
	type place struct { // what makes a node one and the same
		id   string
		addr netip.AddrPort
	}
	places := map[place]uint16{}
	m.owners = new([resp.Slots]uint16)
	for i := range listed {
		n := m.node(&listed[i])
		at := place{n.ID, n.Addr}
		index := places[at]
		if index == 0 {
			if !limit.Admits(len(m.Nodes)) {
				continue
			}
			m.Nodes = append(m.Nodes, n)
			index = uint16(len(m.Nodes))
			places[at] = index
		}
		for _, r := range listed[i].Slots {
			for slot := int(r.First); slot <= int(r.Last); slot++ {
				m.owners[slot] = index
			}
		}
	}
}

// node understands where a node is: by its host as it announces it, else by the address beside it.
func (m *ClusterMap) node(n *resp.SlotMapNode) MapNode {
	own := MapNode{ID: string(n.ID[:min(len(n.ID), idWidth)]), Myself: n.Myself}
	own.Addr, own.Host = m.address(n.Host, n.Port)
	if !own.Addr.IsValid() && len(n.IP) > 0 {
		own.Addr, _ = m.address(n.IP, n.Port)
	}
	if own.Host == "" && len(n.Name) > 0 {
		_, own.Host = m.address(n.Name, n.Port)
	}
	return own
}

// address reads a host as nodes announce it. An empty one is the host that was asked.
func (m *ClusterMap) address(host []byte, port uint16) (addr netip.AddrPort, name string) {
	switch {
	case port == 0:
		return netip.AddrPort{}, ""
	case len(host) == 0:
		return netip.AddrPortFrom(m.From.Addr(), port), ""
	case len(host) > nameWidth, string(host) == "?":
		return netip.AddrPort{}, ""
	}
	if a, err := netip.ParseAddr(string(host)); err == nil {
		return netip.AddrPortFrom(a.Unmap().WithZone(""), port), ""
	}
	return netip.AddrPort{}, string(host)
}
