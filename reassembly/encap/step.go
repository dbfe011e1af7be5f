// Package encap steps over the headers between a link and IP that few captures have: link types, tags of switches, tunnels.
// Each function reads one header and says what stands behind it; the walk from header to header, and its bound, are the
// caller's.
package encap

import "encoding/binary"

// Kind says what stands behind a header.
type Kind uint8

// What stands behind a header.
const (
	Unknown   Kind = iota // the header is none that is read here
	Nothing               // no packet: management, control, keep-alives
	Cut                   // the header was not captured whole
	Malformed             // the header contradicts itself
	Encrypted             // an 802.11 frame, of which the data is encrypted
	Fragment              // an 802.11 frame, which is a part of one
	Aggregate             // an 802.11 frame, of several packets
	Ethernet
	EtherType // Step.Number has it
	IP        // of either version
	IPv4
	IPv6
	PPP
	MPLS
	NSH
	Link        // Step.Number has the link type
	Dot11       // an 802.11 frame
	Dot11Padded // one with its header padded to words
)

// Step is a header that was stepped over.
type Step struct {
	Kind   Kind
	Number uint32 // for EtherType and Link
	Rest   []byte // behind the header; a part of the data
}

// behind steps over n header bytes, which end before what kind says.
func behind(kind Kind, data []byte, n int) Step {
	if len(data) < n {
		return Step{Kind: Cut}
	}
	return Step{Kind: kind, Rest: data[n:]}
}

// tagged steps over n bytes behind which the next EtherType stands.
func tagged(data []byte, n int) Step {
	if len(data) < n+2 {
		return Step{Kind: Cut}
	}
	return Step{EtherType, uint32(binary.BigEndian.Uint16(data[n:])), data[n+2:]}
}

// skip steps over n bytes, or as many as there are.
func skip(data []byte, n int) []byte { return data[min(n, len(data)):] }
