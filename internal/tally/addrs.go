package tally

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"

	"github.com/respsniff/respsniff/internal/bound"
)

// addrs is a set of addresses. Those of IPv4 stand apart, in a sixth of the memory: of many that are seen once each, every
// search of the set waits for memory.
type addrs struct {
	v4     map[uint32]struct{}
	others map[netip.Addr]struct{}
}

func newAddrs() addrs { return addrs{map[uint32]struct{}{}, map[netip.Addr]struct{}{}} }

func (a *addrs) len() int { return len(a.v4) + len(a.others) }

// count adds an address, if the bound admits one more.
func (a *addrs) count(addr netip.Addr, limit *bound.Bound) {
	if addr.Is4() {
		bytes := addr.As4()
		key := binary.BigEndian.Uint32(bytes[:])
		if _, seen := a.v4[key]; !seen && limit.Admits(a.len()) {
			a.v4[key] = struct{}{}
		}
	} else if _, seen := a.others[addr]; !seen && limit.Admits(a.len()) {
		a.others[addr] = struct{}{}
	}
}

// sorted returns the addresses in order.
func (a *addrs) sorted() []netip.Addr {
	all := slices.Collect(maps.Keys(a.others))
	for key := range a.v4 {
		var bytes [4]byte
		binary.BigEndian.PutUint32(bytes[:], key)
		all = append(all, netip.AddrFrom4(bytes))
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}
