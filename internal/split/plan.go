package split

import (
	"cmp"
	"encoding/binary"
	"hash/fnv"
	"iter"
	"maps"
	"net/netip"
	"slices"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// Unit is what is never cut in two.
type Unit uint8

const (
	// Group keeps clients that share a server together: all that a run can conclude, it concludes in a group.
	Group Unit = iota
	// Client keeps the connections of one client address together, to whatever servers: its read timeout, its library and how
	// it uses connections are learned from all of them. What is learned of a server from several clients is not.
	Client
	// Conn keeps a connection together, with all that use the same ports.
	Conn
)

// maxPairs bounds the pairs of addresses that a Plan knows, at some 0.2 KiB each. Those beyond are dealt out by their
// addresses alone.
const maxPairs = 1 << 20

// Plan says which part each packet of a capture goes to. It is made of one pass over the packets, and used in a second one.
type Plan struct {
	unit    Unit
	parts   int
	servers func(port uint16) bool
	peek    reassembly.Peeker
	pairs   map[pair]*talk
	limit   *bound.Bound
	bounds  bound.Set

	clients int // client addresses
	units   int // groups, or clients
}

// pair is two addresses, the smaller first.
type pair struct{ low, high netip.Addr }

func (p pair) end(side int) netip.Addr { return [2]netip.Addr{p.low, p.high}[side] }

// talk is what two addresses said to each other.
type talk struct {
	bytes      int64
	opened     [2]int64 // connections that low, and high, opened
	asked      [2]int64 // packets without SYN from low, and high, to what looks like a server's port
	fragmented bool
	part       int
}

// NewPlan begins a plan for so many parts. ports are those of servers, where they are known.
func NewPlan(unit Unit, parts int, ports []uint16) *Plan {
	p := &Plan{unit: unit, parts: max(parts, 1), pairs: map[pair]*talk{}}
	p.servers = func(port uint16) bool { return slices.Contains(ports, port) }
	p.limit = p.bounds.New(bound.Bound{
		Name: "pairs of addresses", Limit: maxPairs, Loses: bound.Detail,
		Hides: "which further connections are of one client: they may be in several files",
	})
	return p
}

// Bounds returns the limits on what a plan keeps.
func (p *Plan) Bounds() *bound.Set { return &p.bounds }

func pairOf(a, b netip.Addr) (key pair, swapped bool) {
	if a.Compare(b) > 0 {
		return pair{b, a}, true
	}
	return pair{a, b}, false
}

// Learn takes the packets of the first pass.
func (p *Plan) Learn(batches iter.Seq2[[]capture.Packet, error]) error {
	for batch, err := range batches {
		if err != nil {
			return err
		}
		for i := range batch {
			p.learn(&batch[i])
		}
	}
	p.deal()
	return nil
}

func (p *Plan) learn(packet *capture.Packet) {
	x := p.peek.Peek(packet)
	if !x.Src.IsValid() || !x.TCP && !x.Fragmented {
		return
	}
	key, swapped := pairOf(x.Src.Addr(), x.Dst.Addr())
	t := p.pairs[key]
	if t == nil {
		if !p.limit.Admits(len(p.pairs)) {
			return
		}
		t = &talk{}
		p.pairs[key] = t
	}
	t.bytes += int64(len(packet.Data))
	t.fragmented = t.fragmented || x.Fragmented
	if !x.TCP {
		return
	}
	from := 0
	if swapped {
		from = 1
	}
	switch {
	case x.Flags&(reassembly.SYN|reassembly.ACK) == reassembly.SYN:
		t.opened[from]++
	case p.asks(x.Src.Port(), x.Dst.Port()):
		t.asked[from]++
	default:
		t.asked[1-from]++
	}
}

// asks reports whether the sender looks like the client: a server's port is one that was named, else the lower one, as
// systems take the ports of clients from the upper end.
func (p *Plan) asks(src, dst uint16) bool {
	if known := p.servers(dst); known != p.servers(src) {
		return known
	}
	return src >= dst
}

// client returns which of two addresses is the client of the other. both: each is one, for which they go together.
func (t *talk) client() (side int, both bool) {
	by := t.opened
	if by == [2]int64{} {
		by = t.asked
	}
	if by[1] > by[0] {
		side = 1
	}
	return side, by[0] > 0 && by[1] > 0 && t.opened != [2]int64{}
}

// deal gives each client, or group, to a part: the largest first, each to the part that has least so far.
func (p *Plan) deal() {
	together := union{}
	clients := map[netip.Addr]bool{}
	for key, t := range p.pairs {
		side, both := t.client()
		clients[key.end(side)] = true
		if both || p.unit == Group {
			together.join(key.low, key.high)
		}
	}
	p.clients = len(clients)
	unit := func(key pair) netip.Addr {
		side, _ := p.pairs[key].client()
		return together.find(key.end(side))
	}
	weight := map[netip.Addr]int64{}
	for key, t := range p.pairs {
		weight[unit(key)] += t.bytes
	}
	order := slices.SortedFunc(maps.Keys(weight), func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(weight[b], weight[a]), a.Compare(b))
	})
	p.units = len(order)
	bytes, of := make([]int64, p.parts), map[netip.Addr]int{}
	for _, u := range order {
		least := 0
		for i := range bytes {
			if bytes[i] < bytes[least] {
				least = i
			}
		}
		of[u] = least
		bytes[least] += weight[u]
	}
	for key, t := range p.pairs {
		t.part = of[unit(key)]
	}
}

// union joins addresses. The root of a set is its smallest address.
type union map[netip.Addr]netip.Addr

func (u union) find(a netip.Addr) netip.Addr {
	for up, ok := u[a]; ok; up, ok = u[a] {
		a = up
	}
	return a
}

func (u union) join(a, b netip.Addr) {
	switch a, b = u.find(a), u.find(b); a.Compare(b) {
	case -1:
		u[b] = a
	case 1:
		u[a] = b
	}
}

// Part returns which part a packet goes to, from 0. What is of no connection goes to the first.
func (p *Plan) Part(packet *capture.Packet) int {
	x := p.peek.Peek(packet)
	if !x.Src.IsValid() {
		return 0
	}
	key, _ := pairOf(x.Src.Addr(), x.Dst.Addr())
	t := p.pairs[key]
	switch {
	case t == nil && !x.TCP:
		return 0
	case t == nil || p.unit == Conn && t.fragmented:
		return hashed(key, 0, 0, p.parts)
	case p.unit == Conn && !x.TCP:
		return 0
	case p.unit == Conn:
		return hashed(key, min(x.Src.Port(), x.Dst.Port()), max(x.Src.Port(), x.Dst.Port()), p.parts)
	}
	return t.part
}

// hashed spreads connections evenly, and each to the same part in every run.
func hashed(key pair, low, high uint16, parts int) int {
	h := fnv.New64a()
	a, b := key.low.As16(), key.high.As16()
	h.Write(a[:])
	h.Write(b[:])
	var ports [4]byte
	binary.BigEndian.PutUint16(ports[:], low)
	binary.BigEndian.PutUint16(ports[2:], high)
	h.Write(ports[:])
	sum := h.Sum64()
	sum = (sum ^ sum>>33) * 0xff51afd7ed558ccd // of FNV alone, the lower bits do not depend on the upper ones of what is hashed
	sum ^= sum >> 33
	return int(sum % uint64(parts))
}
