package reassembly

// nearBits says how many directions near holds: 12 KB, a part of the nearest cache that a capture of more connections can
// spare.
const nearBits = 9

// near caches the IPv4 flows seen last, a place for each direction, direct-mapped. It is cheaper than the table: the ends
// need not be ordered, nor taken apart, and there is no probing.
type near [1 << nearBits]heading

// route is the addresses and ports of an IPv4 packet as they stand in its headers.
type route struct {
	addrs uint64 // source in the upper half
	ports uint32 // likewise
}

// heading is one direction of a flow.
type heading struct {
	addrs  uint64 // the route, not as one field, which would take 16 bytes
	ports  uint32
	larger Side // as packet.larger returns
	flow   *flow
}

func (n *near) at(r route) *heading {
	return &n[(r.addrs*mixA+uint64(r.ports))*mixB>>(64-nearBits)]
}

// find returns the flow of p and the side that sent it, or nil where it does not know them.
func (n *near) find(p *packet) (*flow, Side) {
	h := n.at(p.route)
	f := h.flow
	if f == nil || h.addrs != p.addrs || h.ports != p.ports {
		return nil, A
	}
	return f, f.flip ^ h.larger
}

// keep records that p belongs to f.
func (n *near) keep(p *packet, f *flow) {
	if p.src&hashed == 0 {
		r := routeOf(p.src, p.dst)
		*n.at(r) = heading{r.addrs, r.ports, p.larger(), f}
	}
}

// forget drops both directions of f.
func (n *near) forget(f *flow) {
	for _, r := range [...]route{routeOf(f.pair.small, f.pair.large), routeOf(f.pair.large, f.pair.small)} {
		if h := n.at(r); h.flow == f {
			*h = heading{}
		}
	}
}

func routeOf(src, dst endpoint) route {
	return route{uint64(src>>16)<<32 | uint64(uint32(dst>>16)), uint32(src.port())<<16 | uint32(dst.port())}
}

// ends returns the two ends of an IPv4 packet.
func (r route) ends() (src, dst endpoint) {
	return endpoint4(uint32(r.addrs>>32), uint16(r.ports>>16)), endpoint4(uint32(r.addrs), uint16(r.ports))
}
