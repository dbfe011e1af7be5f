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

func (d *decoder) endpoint6(addr netip.Addr, port uint16) endpoint {
	b := addr.As16()
	h := fold(binary.BigEndian.Uint64(b[:])^d.seed, binary.BigEndian.Uint64(b[8:])^mixA)
	return hashed | endpoint(h)&^0xffff | endpoint(port)
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
