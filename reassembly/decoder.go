package reassembly

import (
	"encoding/binary"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly/encap"
)

// maxLayers bounds the headers, tunnels included, that a packet may have before TCP.
const maxLayers = 24

// layer says what the bytes that come next are.
type layer uint8

const (
	layerDone layer = iota // not a packet of interest; the decoder has counted why
	layerEthernet
	layerEtherType // the type is in decoder.etherType
	layerIP        // version by nibble
	layerIPv4
	layerIPv6
	layerTransport // the protocol is in decoder.proto
	layerPPP
	layerPPPoE
	layerMPLS
	layerLink // another link type, in decoder.within
	layer80211
	layerNSH
)

// decoder walks from the link layer to TCP. It keeps nothing between packets but fragments.
type decoder struct {
	stats     *Stats
	fragments fragments
	rare      *rare // nil until the first such header
	seed      uint64
	unread    Unread // nil until the first such packet

	// Of the packet at hand.
	now       capture.Time
	missing   int              // bytes behind data that were not captured
	etherType uint16           // for layerEtherType
	proto     uint8            // for layerTransport
	within    capture.LinkType // for layerLink
	padded    bool             // for layer80211: its header is padded to words
	ends      addresses
	ipid      uint16
	ttl       uint8
}

// walk goes from header to header to the TCP packet in p. What it is not, it counts in Stats.
func (d *decoder) walk(p *capture.Packet, out *packet) bool {
	data := p.Data
	if len(data) == 0 && p.Length == 0 {
		return false // a tick
	}
	d.stats.Packets++
	d.missing = max(0, p.Length-len(data))
	d.now = p.Time
	if d.missing > 0 {
		d.stats.Truncated++
		d.stats.SnapLen = max(d.stats.SnapLen, len(data))
	}
	next, data := d.link(p.Link, data)
	for range maxLayers {
		switch next {
		case layerDone:
			return false
		case layerEthernet:
			next, data = d.ethernet(data)
		case layerEtherType:
			next, data = d.byEtherType(data)
		case layerIP:
			next = d.byVersion(data)
		case layerIPv4:
			next, data = d.ipv4(data)
		case layerIPv6:
			next, data = d.ipv6(data)
		case layerPPP:
			next, data = d.ppp(data)
		case layerPPPoE:
			next, data = d.pppoe(data)
		case layerMPLS:
			next, data = d.mpls(data)
		case layerLink:
			next, data = d.link(d.within, data)
		case layer80211:
			next, data = d.step(encap.FromDot11(data, d.padded), ShortLink, BadLink)
		case layerNSH:
			next, data = d.step(encap.FromNSH(data), BadTunnel, BadTunnel)
		case layerTransport:
			if d.proto == protoTCP {
				return d.tcp(data, out)
			}
			next, data = d.transport(data)
		}
	}
	d.stats.Undecodable[TooDeep]++
	return false
}

func (d *decoder) fault(f Fault) (layer, []byte) {
	d.stats.Undecodable[f]++
	return layerDone, nil
}

// carries counts one packet, which the caller has counted in Stats.
func (d *decoder) carries(s Space, number uint16) (layer, []byte) {
	if s == EtherTypes && number < minEtherType {
		number = 0 // a length
	}
	if d.unread == nil {
		d.unread = Unread{}
	}
	d.unread[Carried{s, number}]++
	return layerDone, nil
}

// parse decodes a rare header into d.rare, or reports false.
func (d *decoder) parse(h rareHeader, data []byte) bool {
	if d.rare == nil {
		d.rare = newRare()
	}
	return d.rare.parse(h, data)
}

// skip steps over n header bytes, which must have been captured.
func skip(data []byte, n int) []byte { return data[min(n, len(data)):] }

func (d *decoder) tcp(data []byte, out *packet) bool {
	if f, ok := decodeTCP(data, d.missing, out); !ok {
		d.stats.Undecodable[f]++
		return false
	}
	src, dst := binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	out.IPID, out.TTL = d.ipid, d.ttl
	if ends := &d.ends; ends.v6 {
		d.stats.IPv6++
		out.src, out.dst = endpoint6(ends.src6, src, d.seed), endpoint6(ends.dst6, dst, d.seed)
	} else {
		d.stats.IPv4++
		out.src, out.dst = endpoint4(ends.src4, src), endpoint4(ends.dst4, dst)
	}
	return true
}
