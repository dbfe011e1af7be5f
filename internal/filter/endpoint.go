package filter

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// endpoint is an address, an address with a port, or a prefix.
type endpoint struct {
	prefix netip.Prefix
	port   uint16 // 0: any
}

func endpointsOf(flag string, words []string) ([]endpoint, error) {
	var set []endpoint
	for _, w := range words {
		if p, err := netip.ParsePrefix(w); err == nil {
			set = append(set, endpoint{prefix: p.Masked()})
			continue
		}
		if a, err := netip.ParseAddr(strings.Trim(w, "[]")); err == nil {
			set = append(set, endpoint{prefix: netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())})
			continue
		}
		ap, err := netip.ParseAddrPort(w)
		if err != nil {
			return nil, fmt.Errorf("%s %s: want an address, ADDR:PORT, [IPV6]:PORT or a prefix", flag, w)
		}
		a := ap.Addr().Unmap()
		set = append(set, endpoint{prefix: netip.PrefixFrom(a, a.BitLen()), port: ap.Port()})
	}
	return set, nil
}

func matchEndpoint(set []endpoint, a netip.AddrPort) bool {
	if len(set) == 0 {
		return true
	}
	return slices.ContainsFunc(set, func(e endpoint) bool {
		return e.prefix.Contains(a.Addr().Unmap()) && (e.port == 0 || e.port == a.Port())
	})
}
