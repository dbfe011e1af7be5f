package reassembly

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// endpoint names an address and port in one word, which costs a fifth of comparing two netip.AddrPort: the IPv4 address
// in bits 16 to 47, or with bit 63 set a hash of the IPv6 address; the port in the lowest bits. That of an IPv6 address
// is no proof of its being equal.
type endpoint uint64

const hashed = endpoint(1) << 63

func (e endpoint) port() uint16 { return uint16(e) }

func endpoint4(addr uint32, port uint16) endpoint { return endpoint(addr)<<16 | endpoint(port) }

// addr4 is the address of an endpoint that is not hashed.
func (e endpoint) addr4() netip.Addr {
	return netip.AddrFrom4([4]byte{byte(e >> 40), byte(e >> 32), byte(e >> 24), byte(e >> 16)})
}

// endpoint6 hashes an IPv6 address with a seed.
func endpoint6(addr netip.Addr, port uint16, seed uint64) endpoint {
	b := addr.As16()
	h := fold(binary.BigEndian.Uint64(b[:])^seed, binary.BigEndian.Uint64(b[8:])^mixA)
	return hashed | endpoint(h)&^0xffff | endpoint(port)
}

// addresses are the two of the innermost IP header of a packet.
type addresses struct {
	v6         bool
	src4, dst4 uint32 // where not v6, and set by the walk: decodePlain leaves them to the endpoints
	src6, dst6 netip.Addr
}

func (a *addresses) set4(src, dst uint32) { a.v6, a.src4, a.dst4 = false, src, dst }

func (a *addresses) set6(src, dst netip.Addr) { a.v6, a.src6, a.dst6 = true, src, dst }

// addrs returns the addresses that were set last.
func (a *addresses) addrs() (src, dst netip.Addr) {
	if a.v6 {
		return a.src6, a.dst6
	}
	return endpoint4(a.src4, 0).addr4(), endpoint4(a.dst4, 0).addr4()
}

// of returns the two ends of p, the packet decoded last.
func (a *addresses) of(p *packet) (src, dst netip.AddrPort) {
	from, to := a.src6, a.dst6
	if p.src&hashed == 0 {
		from, to = p.src.addr4(), p.dst.addr4()
	}
	return netip.AddrPortFrom(from, p.src.port()), netip.AddrPortFrom(to, p.dst.port())
}

// pair is the two ends of a connection, the smaller one first: the same in both directions.
type pair struct{ small, large endpoint }

func (p *packet) pair() pair { return pair{min(p.src, p.dst), max(p.src, p.dst)} }

// larger is 1 where the sender is the larger end of the pair, else 0. There is no branch in it, because half of all
// packets go either way and no processor can guess which.
func (p *packet) larger() Side {
	_, borrow := bits.Sub64(uint64(p.dst), uint64(p.src), 0)
	return Side(borrow)
}

// Multipliers of wyhash, odd and with as many ones as zeros.
const (
	mixA = 0xa0761d6478bd642f
	mixB = 0xe7037ed1a0b428db
)

// fold multiplies to 128 bits and adds the halves without carry, the step of wyhash.
func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}
