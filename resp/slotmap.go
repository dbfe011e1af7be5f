package resp

import "bytes"

// SlotMapForm is one of the commands that ask a cluster node which node serves which slots.
type SlotMapForm uint8

// Forms of a slot map.
const (
	NoSlotMap     SlotMapForm = iota
	ClusterSlots              // CLUSTER SLOTS
	ClusterShards             // CLUSTER SHARDS
	ClusterNodes              // CLUSTER NODES
)

// SlotMapNode is a node as a slot map lists it. Texts are borrowed from the reply, and not safe to print.
type SlotMapNode struct {
	ID []byte // 40 hex digits by design
	// Host is where the node is reached: an address, a name, nothing for the host that was asked, or "?" where there is
	// no name to announce. IP and Name are its address and its host name where these are listed beside it.
	Host, IP, Name []byte
	Port           uint16 // 0: none
	Role           NodeRole
	Myself         bool        // it is the node that was asked, as CLUSTER NODES says
	Slots          []SlotRange // of a master
}

// NodeRole is what a node is in its shard.
type NodeRole uint8

// Roles of a node.
const (
	UnknownRole NodeRole = iota
	Master
	Replica
)

// SlotRange is a run of slots, the last one included.
type SlotRange struct{ First, Last uint16 }

// maxSlotsGiven bounds the slots of all ranges of a map. A map gives a slot once; one that goes on giving them again is
// none, and would cost whoever walks it 16,384 steps for every eight bytes.
const maxSlotsGiven = 4 * Slots

// ParseSlotMap reads a whole reply to one of the commands. A node is listed as often as the reply lists it: once for each
// range in CLUSTER SLOTS. Ranges beyond the last slot are left out, and so are nodes without an address ("noaddr"). A
// reply that is no slot map, such as an error, lists no nodes. What breaks off is ErrShort, what is no RESP a
// *SyntaxError with its offset in reply.
func ParseSlotMap(form SlotMapForm, reply []byte) ([]SlotMapNode, error) {
	p := slotMapParser{values: values{b: reply, whole: len(reply)}}
	switch form {
	case ClusterSlots:
		p.slots()
	case ClusterShards:
		p.shards()
	case ClusterNodes:
		p.lines(p.text())
	}
	if p.err != nil {
		return nil, p.err
	}
	return p.nodes, nil
}

// slotMapParser walks over the values of a slot map.
type slotMapParser struct {
	values
	nodes []SlotMapNode
	given int // slots so far
}

// slots reads CLUSTER SLOTS: for each range its first and last slot and its nodes, the master first.
//
//	*3 :0 :8191 *4 $9 10.0.0.1 :6379 $40 id *2 $8 hostname $6 node-a
func (p *slotMapParser) slots() {
	for range p.list() {
		var of [2]int64
		for i := range p.list() {
			if i < 2 {
				of[i] = p.number()
				continue
			}
			n := p.slotsNode()
			if n.Role = Replica; i == 2 {
				n.Role = Master
				n.Slots = p.give(nil, of[0], of[1])
			}
			p.add(n)
		}
	}
}

// slotsNode reads a node of CLUSTER SLOTS: its preferred endpoint, port, id and, since Redis 7, a list of what else is
// known of where it is.
func (p *slotMapParser) slotsNode() (n SlotMapNode) {
	for i := range p.list() {
		switch i {
		case 0:
			n.Host = p.text()
		case 1:
			n.Port = port(p.number())
		case 2:
			n.ID = p.text()
		default:
			for key := range p.pairs() {
				switch string(key) {
				case "ip":
					n.IP = p.text()
				case "hostname":
					n.Name = p.text()
				default:
					p.skip()
				}
			}
		}
	}
	return n
}

// shards reads CLUSTER SHARDS: for each shard the word "slots" with pairs of first and last slot, and the word "nodes"
// with a list of nodes.
func (p *slotMapParser) shards() {
	for range p.list() {
		var slots []SlotRange
		first := len(p.nodes)
		for key := range p.pairs() {
			switch string(key) {
			case "slots":
				slots = p.ranges()
			case "nodes":
				for range p.list() {
					p.add(p.shardsNode())
				}
			default:
				p.skip()
			}
		}
		for i := range p.nodes[first:] {
			if n := &p.nodes[first+i]; n.Role == Master {
				n.Slots = slots
			}
		}
	}
}

// shardsNode reads a node of CLUSTER SHARDS: words, each followed by its value.
func (p *slotMapParser) shardsNode() (n SlotMapNode) {
	var ip, endpoint []byte
	var tls uint16
	for key := range p.pairs() {
		switch string(key) {
		case "id":
			n.ID = p.text()
		case "ip":
			ip = p.text()
		case "endpoint":
			endpoint = p.text()
		case "hostname":
			n.Name = p.text()
		case "port":
			n.Port = port(p.number())
		case "tls-port":
			tls = port(p.number())
		case "role":
			if n.Role = Replica; string(p.text()) == "master" {
				n.Role = Master
			}
		default:
			p.skip()
		}
	}
	if n.Host = ip; ip == nil {
		n.Host = endpoint
	}
	if n.Port == 0 {
		n.Port = tls
	}
	return n
}

// lines reads the text of CLUSTER NODES: one line a node,
// "<id> <ip:port@cport[,hostname]> <flags> <master> <ping> <pong> <epoch> <link> <slot>...".
func (p *slotMapParser) lines(text []byte) {
	for line := range bytes.Lines(text) {
		f := bytes.Fields(line)
		if len(f) < 8 || bytes.Contains(f[2], []byte("noaddr")) {
			continue
		}
		n := SlotMapNode{ID: f[0], Myself: bytes.Contains(f[2], []byte("myself")), Role: Replica}
		if bytes.Contains(f[2], []byte("master")) {
			n.Role = Master
		}
		place, extra, _ := bytes.Cut(f[1], []byte(","))
		n.Name, _, _ = bytes.Cut(extra, []byte(","))
		place, _, _ = bytes.Cut(place, []byte("@"))
		colon := bytes.LastIndexByte(place, ':')
		if colon < 0 {
			continue
		}
		number, ok := ParseInt(place[colon+1:])
		if !ok {
			continue
		}
		n.Host, n.Port = place[:colon], port(number)
		for _, word := range f[8:] {
			from, to, isRange := bytes.Cut(word, []byte("-"))
			if !isRange {
				to = from
			}
			first, ok := ParseInt(from) // not of "[93->-id]", a slot on its way
			last, ok2 := ParseInt(to)
			if ok && ok2 {
				n.Slots = p.give(n.Slots, first, last)
			}
		}
		p.add(n)
	}
}

// ranges reads a list of first and last slots.
func (p *slotMapParser) ranges() (all []SlotRange) {
	var first int64
	for i := range p.list() {
		if n := p.number(); i%2 == 0 {
			first = n
		} else {
			all = p.give(all, first, n)
		}
	}
	return all
}

// add lists a node. What names neither an id nor a port is none.
func (p *slotMapParser) add(n SlotMapNode) {
	if len(n.ID) > 0 || n.Port > 0 {
		p.nodes = append(p.nodes, n)
	}
}

// give appends a range of slots, if it is one.
func (p *slotMapParser) give(ranges []SlotRange, first, last int64) []SlotRange {
	if first < 0 || first > last || last >= Slots {
		return ranges
	}
	if p.given += int(last - first + 1); p.given > maxSlotsGiven {
		p.fail("slots given again and again")
		return ranges
	}
	return append(ranges, SlotRange{uint16(first), uint16(last)})
}

// port returns a port number, or 0 where it is none.
func port(n int64) uint16 {
	if n <= 0 || n > 65535 {
		return 0
	}
	return uint16(n)
}
