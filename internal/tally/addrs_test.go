package tally

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestAddrs: each address counts once, IPv4 is not the same as IPv6 that maps it, and the bound is on both together.
func TestAddrs(t *testing.T) {
	a, limit := newAddrs(), &bound.Bound{Limit: 4}
	var want []netip.Addr
	for _, s := range []string{"0.0.0.0", "10.0.0.1", "fe80::1", "::ffff:10.0.0.1", "10.0.0.1", "fe80::1"} {
		addr := netip.MustParseAddr(s)
		a.count(addr, limit)
		if !slices.Contains(want, addr) {
			want = append(want, addr)
		}
	}
	a.count(netip.MustParseAddr("10.0.0.2"), limit)
	a.count(netip.MustParseAddr("fe80::2"), limit)
	slices.SortFunc(want, netip.Addr.Compare)
	if got := a.sorted(); !slices.Equal(got, want) || a.len() != len(want) || limit.Hits != 2 {
		t.Errorf("%v, %d of them, %d beyond the bound; want %v and 2", got, a.len(), limit.Hits, want)
	}
}
