package reassembly

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/respsniff/respsniff/reassembly/encap"
)

// Carried is what packets carry that is not followed here: a protocol of one of the number spaces of Space.
type Carried struct {
	Space  Space
	Number uint16
}

// Space is a registry of numbers.
type Space uint8

// Number spaces.
const (
	EtherTypes   Space = iota // IEEE
	IPProtocols               // IANA
	UDPPorts                  // of destinations
	PPPProtocols              // IANA
	Links                     // link types of tcpdump.org that are not decoded
	Wireless                  // what 802.11 frames hold that is not read, by encap.Kind
)

// carriedNames are protocols and tunnels that captures hold in place of TCP, by their registries (IEEE EtherTypes; IANA protocol
// numbers, ports and PPP numbers).
var carriedNames = map[Carried]string{
	{EtherTypes, 0x0806}: "ARP", {EtherTypes, 0x22f3}: "TRILL", {EtherTypes, 0x8863}: "PPPoE discovery", {EtherTypes, 0x888e}: "EAPOL",
	{EtherTypes, 0x88cc}: "LLDP", {EtherTypes, 0x88e5}: "MACsec", {EtherTypes, 0x88e7}: "PBB", {EtherTypes, 0x894f}: "NSH",
	{IPProtocols, 1}: "ICMP", {IPProtocols, 2}: "IGMP", {IPProtocols, 50}: "ESP", {IPProtocols, 58}: "ICMPv6", {IPProtocols, 97}: "EtherIP",
	{IPProtocols, 112}: "VRRP", {IPProtocols, 115}: "L2TP", {IPProtocols, 132}: "SCTP",
	{UDPPorts, 53}: "DNS", {UDPPorts, 443}: "QUIC", {UDPPorts, 1701}: "L2TP", {UDPPorts, 4500}: "ESP in UDP", {UDPPorts, 4789}: "VXLAN without a network", {UDPPorts, 5246}: "CAPWAP", {UDPPorts, 5247}: "CAPWAP",
	{UDPPorts, 3544}: "Teredo", {UDPPorts, 4341}: "LISP", {UDPPorts, 4754}: "GRE in UDP", {UDPPorts, 6080}: "GUE", {UDPPorts, 51820}: "WireGuard", {UDPPorts, 1194}: "OpenVPN",
	{Links, 6}: "token ring", {Links, 8}: "SLIP", {Links, 10}: "FDDI", {Links, 99}: "Symantec firewall", {Links, 107}: "frame relay", {Links, 138}: "IP over FireWire",
	{Links, 149}: "private use", {Links, 178}: "Juniper", {Links, 187}: "Bluetooth", {Links, 189}: "USB", {Links, 195}: "802.15.4", {Links, 201}: "Bluetooth",
	{Links, 220}: "USB", {Links, 226}: "IPNET", {Links, 227}: "CAN", {Links, 240}: "netANALYZER", {Links, 249}: "USBPcap", {Links, 252}: "PDUs exported by Wireshark",
	{Links, 253}: "netlink", {Links, 271}: "vsock", {Links, 274}: "Ethernet with preamble", {Links, 280}: "VPP", {Links, 281}: "switch tags of Broadcom", {Links, 284}: "switch tags of Marvell",
	{Wireless, uint16(encap.Encrypted)}: "encrypted 802.11 frames", {Wireless, uint16(encap.Fragment)}: "fragments of 802.11 frames",
	{Wireless, uint16(encap.Aggregate)}: "802.11 frames of several packets",
}

// String returns it in words: "EtherType 0x88e5 (MACsec)".
func (c Carried) String() string {
	var text string
	switch c.Space {
	case EtherTypes:
		if text = fmt.Sprintf("EtherType 0x%04x", c.Number); c.Number < minEtherType {
			return "802.3 frames without an EtherType"
		}
	case IPProtocols:
		text = fmt.Sprintf("IP protocol %d", c.Number)
	case UDPPorts:
		text = fmt.Sprintf("UDP to port %d", c.Number)
	case Wireless:
		return carriedNames[c]
	case Links:
		text = fmt.Sprintf("link type %d", c.Number)
	default:
		text = fmt.Sprintf("PPP protocol 0x%04x", c.Number)
	}
	if name := carriedNames[c]; name != "" {
		text += " (" + name + ")"
	}
	return text
}

// Unread counts the packets of Stats.NonIP and Stats.NonTCP, and those of an unknown link, by what they carry, where a number says it. It has at most one entry
// a number of the spaces, of at most 16 bits.
type Unread map[Carried]int64

// Add adds the counts of other.
func (u Unread) Add(other Unread) {
	for c, n := range other {
		u[c] += n
	}
}

// Ranked lists it, most packets first.
func (u Unread) Ranked() []Carried {
	return slices.SortedFunc(maps.Keys(u), func(a, b Carried) int {
		return cmp.Or(cmp.Compare(u[b], u[a]), cmp.Compare(a.Space, b.Space), cmp.Compare(a.Number, b.Number))
	})
}

// Tunnels returns those of them that may hide TCP: tunnels and encryption, and links that are not decoded. What else packets
// without TCP carry, such as ARP and DNS, is no loss.
func (u Unread) Tunnels() Unread {
	hiding := Unread{}
	for c, n := range u {
		if c.Space == Links || c.Space == Wireless || tunnels[c] {
			hiding[c] = n
		}
	}
	return hiding
}

// tunnels are what of carriedNames may hold TCP.
var tunnels = map[Carried]bool{
	{EtherTypes, 0x88e5}: true, {IPProtocols, 50}: true, {IPProtocols, 115}: true, {UDPPorts, 1701}: true, {UDPPorts, 4500}: true,
	{UDPPorts, 5247}: true, {UDPPorts, 3544}: true, {UDPPorts, 4341}: true, {UDPPorts, 4754}: true, {UDPPorts, 6080}: true, {UDPPorts, 51820}: true,
	{UDPPorts, 1194}: true, {UDPPorts, 4789}: true,
}
