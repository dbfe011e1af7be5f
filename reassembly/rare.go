package reassembly

import (
	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
)

// rare decodes headers that few packets have with the decoders of gopacket that are sound, named one by one. Which are
// not, and an input that shows it of each, is in docs/dependencies.md.
//
// Each has a parser of its own, which makes an error of a panic and ends behind the one header: the
// walk decides what follows it, and counts and bounds the headers. A parser and its decoders are used again for the next packet.
type rare struct {
	llc       layers.LLC
	snap      layers.SNAP
	loopback  layers.Loopback
	vxlan     layers.VXLAN
	extension layers.IPv6ExtensionSkipper
	etherIP   layers.EtherIP

	parsers [rareHeaders]*gopacket.DecodingLayerParser
	decoded []gopacket.LayerType
}

// rareHeader is a kind of header that rare decodes.
type rareHeader uint8

const (
	headerSNAP rareHeader = iota // with the LLC header before it
	headerLoopback
	headerVXLAN
	headerExtension // any of the common form of RFC 6564
	headerEtherIP
	rareHeaders
)

// last is the decoder that a parser ends with, which is not every one by itself: a SNAP header of type 0 would be
// followed by LLC, and an extension header by the next.
type last struct{ gopacket.DecodingLayer }

func (last) NextLayerType() gopacket.LayerType { return gopacket.LayerTypeZero }

func newRare() *rare {
	r := &rare{}
	r.parsers = [...]*gopacket.DecodingLayerParser{
		headerSNAP:     newParser(layers.LayerTypeLLC, &r.llc, last{&r.snap}),
		headerLoopback: newParser(layers.LayerTypeLoopback, last{&r.loopback}),
		headerVXLAN:    newParser(layers.LayerTypeVXLAN, last{&r.vxlan}),
		// The decoder reads only next header and length, so that it fits each kind of extension header but that of fragments,
		// whose offset it would skip: the walk does not hand it those.
		headerExtension: newParser(layers.LayerTypeIPv6HopByHop, last{&r.extension}),
		headerEtherIP:   newParser(layers.LayerTypeEtherIP, last{&r.etherIP}),
	}
	return r
}

// newParser makes a parser that begins with first.
func newParser(first gopacket.LayerType, decoders ...gopacket.DecodingLayer) *gopacket.DecodingLayerParser {
	p := gopacket.NewDecodingLayerParser(first, decoders...)
	p.IgnoreUnsupported = true // an LLC header without SNAP is no error
	return p
}

// parse decodes the header that data begins with. It reports false for one that is cut off or malformed, after which
// its fields mean nothing.
func (r *rare) parse(h rareHeader, data []byte) bool {
	// With no capacity behind the packet, a decoder that slices unchecked panics; else it would read the next packet.
	return r.parsers[h].DecodeLayers(data[:len(data):len(data)], &r.decoded) == nil
}

// etherType returns the EtherType of the LLC and SNAP headers parsed last, which is what follows an all-zero OUI (RFC
// 1042).
func (r *rare) etherType() (uint16, bool) {
	unnumbered := r.llc.DSAP == 0xaa && r.llc.SSAP == 0xaa && !r.llc.IG && !r.llc.CR && r.llc.Control == 3
	if len(r.decoded) < 2 || !unnumbered || [3]byte(r.snap.OrganizationalCode) != [3]byte{} {
		return 0, false
	}
	return uint16(r.snap.Type), true
}
