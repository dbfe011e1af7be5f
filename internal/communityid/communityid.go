// Package communityid names a TCP connection as other monitors do (Zeek, Suricata, Wireshark), so that their records of it
// can be found.
package communityid

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
)

const protocolTCP = 6

// Of returns the Community ID, version 1 with seed 0, of the TCP connection between two ends, whichever sent first:
// https://github.com/corelight/community-id-spec. It hashes (seed, smaller address, larger address, protocol, 0, their
// ports), all in network order. It is empty where an address is missing.
func Of(a, b netip.AddrPort) string {
	if !a.IsValid() || !b.IsValid() {
		return ""
	}
	a, b = netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), netip.AddrPortFrom(b.Addr().Unmap(), b.Port())
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	tuple := make([]byte, 0, 2+2*16+2+2*2)
	tuple = append(tuple, 0, 0) // the seed
	tuple = append(tuple, a.Addr().AsSlice()...)
	tuple = append(tuple, b.Addr().AsSlice()...)
	tuple = append(tuple, protocolTCP, 0)
	tuple = binary.BigEndian.AppendUint16(tuple, a.Port())
	tuple = binary.BigEndian.AppendUint16(tuple, b.Port())
	sum := sha1.Sum(tuple)
	return "1:" + base64.StdEncoding.EncodeToString(sum[:])
}
