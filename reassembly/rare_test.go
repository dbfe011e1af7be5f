package reassembly

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
)

// wrapped are packets of one TCP segment behind the headers of packages that nest: what rare decodes, and its neighbours.
func wrapped() map[string]capture.Packet {
	tcp := tcpBytes(40000, 6379, 77, 88, ACK|PSH, nil, []byte("PING\r\n"))
	v4, v6 := ipv4Bytes(addrA, addrB, protoTCP, 1, tcp), ipv6Bytes(six1, six2, protoTCP, tcp)
	eth := join(etherV4, v4)
	in4 := func(proto uint8, parts ...any) []byte { return ipv4Bytes(addrB, addrA, proto, 2, join(parts...)) }
	inUDP := func(port uint16, parts ...any) []byte { return in4(protoUDP, udp(port, join(parts...))) }
	in6 := func(next uint8, parts ...any) []byte { return ipv6Bytes(six1, six2, next, join(parts...)) }
	list := map[string]capture.Packet{}
	for name, data := range map[string][]byte{
		"VXLAN": inUDP(4789, "08000000 00000100", eth), "Geneve": inUDP(6081, "02006558 00000100 0000000000000000", eth),
		"GTP-U": inUDP(2152, "34ff0040 00000001 00000085 01100900", v4),
		"GRE":   in4(protoGRE, "b000 86dd 00000000 00000001 00000002", v6), "PPTP": in4(protoGRE, "3081 880b 00400001 00000002 00000003 ff03 0021", v4),
		"ERSPAN II":  in4(protoGRE, "1000 88be 00000001 10050001 00000000", eth),
		"ERSPAN III": in4(protoGRE, "1000 22eb 00000001 20050001 00000000 00000001 0000000000000000", eth),
		"MPLS in IP": in4(protoMPLS, "00020140", v6), "IP in IP": in4(protoIPIP, v4), "6in4": in4(protoIPv6, v6),
		"extensions": in6(protoHopByHop, "3c 00 050200000000 2b 00 000000000000 33 00 000000000000 06 01 0000 00000000 00000000", tcp),
		"HIP":        in6(protoHIP, "06 01 000000000000 0000000000000000", tcp), "atomic fragment": in6(protoFragment, "06 00 0000 00000001", tcp),
		"jumbogram": in6(protoHopByHop, "06 00 c2 04 00 01 00 00", tcp),
		"VXLAN in extension": in6(protoDestOpts, "11 00 010400000000", udp(4789, join("08000000 00000100", etherTo, "0040 aaaa03000000 86dd",
			in6(protoRouting, "06 02 04000000 0000 00000000 00000000 00000000 00000000", tcp)))),
		"VXLAN-GPE": inUDP(4790, "0c000004 00000100 0fc20203 000001ff", eth), "VXLAN elsewhere": inUDP(9, "88000007 00000100", eth),
		"TZSP": inUDP(37008, "01000001 0a01c8 00 01", eth), "L2TP": inUDP(1701, "4a02 0020 0001 0002 0002 0000 0000 ff03 0021", v4),
		"L2TPv3": in4(protoL2TP, "00000007 aabbccdd eeff0011 00000000", eth), "EtherIP": in4(protoEtherIP, "3000", eth),
	} {
		list[name] = capture.Packet{Link: capture.LinkRaw, Data: data}
	}
	air := join("8801 0000 020000000001 020000000001 020000000001 0000 8000 020000000001 020000000002 0036 aaaa03000000 0800", v4)
	for name, p := range map[string]capture.Packet{
		"PKTAP": {Link: capture.LinkPKTAP, Data: pktap("6c000000 01000000 7f000000", "0000 0d00 02000080 00000000 00", air)},
		"NFLOG": {Link: capture.LinkNFLog, Data: join("02 00 0001 0800 0100 08000100 0900 0a00 7072653a 00 000000", nflogPayload(false, v4))},
		"PPI":   {Link: capture.LinkPPI, Data: join("00 00 0c00 69000000 00000000", air)}, "Prism": {Link: capture.LinkPrism, Data: join("44000000 18000000 776c616e30000000 0000000000000000", air)},
		"IPoIB": {Link: capture.LinkIPoIB, Data: join("60", make([]byte, 39), "86dd 0000", v6)}, "pflog": {Link: capture.LinkPFLog, Data: join("3d02 0000", make([]byte, 60), v4)},
		"CHDLC": {Link: capture.LinkCHDLC, Data: join("0f00 8909 01 01 0001 0007 0800", v4)},
	} {
		list[name] = p
	}
	for name, data := range map[string][]byte{
		"VLAN": join(etherTo+"88a8 0005 8100 0006 86dd", v6), "SNAP": join(etherTo+"0040 aaaa03000000 0800", v4),
		"MPLS": join(etherTo+"8847 00010040 00020140 00000000", eth), "PPPoE": join(etherTo+"8864 1100 0001 0040 0057", v6),
	} {
		list[name] = capture.Packet{Link: capture.LinkEthernet, Data: data}
	}
	list["NULL"] = capture.Packet{Link: capture.LinkNull, Data: join("1c000000", v6)}
	list["LOOP"] = capture.Packet{Link: capture.LinkLoop, Data: join("00000002", v4)}
	return list
}

// walkOnce decodes one packet, which lies in a buffer that goes on with the byte behind, and reports what was read.
func walkOnce(d *decoder, p capture.Packet, behind byte) string {
	buffer := make([]byte, len(p.Data)+64)
	for i := range buffer {
		buffer[i] = behind
	}
	p.Data = buffer[:copy(buffer, p.Data)]
	stats, before := d.stats, *d.stats
	var out packet
	ok := d.walk(&p, &out)
	if !ok {
		return fmt.Sprintf("%v %v", before, *stats)
	}
	src, dst := d.ends.of(&out)
	return fmt.Sprintf("%v %v %v > %v %d %d %q", before, *stats, src, dst, out.RawSeq, out.Length, out.Payload)
}

// TestMutatedHeaders changes and cuts nested headers. Nothing panics, and what lies behind a packet in memory, the next
// packet mostly, decides nothing.
func TestMutatedHeaders(t *testing.T) {
	n := 500
	if exhaustive.On() {
		n = 10_000
	}
	r := rand.New(rand.NewPCG(13, 10))
	numbers := []uint16{0x0800, 0x86dd, 0x8100, 0x8847, 0x8864, 0x6558, 0x880b, 0x88be, 0x22eb, 0, 0x5ff, 4789, 6081, 2152}
	protocols := []byte{protoHopByHop, protoIPIP, protoTCP, protoUDP, protoIPv6, protoRouting, protoFragment, protoGRE, protoAH, protoDestOpts, protoMPLS}
	for name, whole := range wrapped() {
		var oneStats, twoStats Stats
		one, two := decoder{stats: &oneStats}, decoder{stats: &twoStats}
		for range n {
			p := whole
			p.Data = append([]byte(nil), whole.Data...)
			for range r.IntN(4) {
				switch at := r.IntN(len(p.Data) - 1); r.IntN(4) {
				case 0:
					p.Data[at] = byte(r.Uint32())
				case 1:
					p.Data[at] ^= 1 << r.IntN(8)
				case 2:
					p.Data[at] = protocols[r.IntN(len(protocols))]
				case 3:
					binary.BigEndian.PutUint16(p.Data[at:], numbers[r.IntN(len(numbers))])
				}
			}
			p.Length = len(p.Data)
			if r.IntN(3) == 0 {
				p.Data = p.Data[:r.IntN(len(p.Data)+1)]
			}
			if a, b := walkOnce(&one, p, 0), walkOnce(&two, p, 0xff); a != b {
				t.Fatalf("%s: %x: read as\n%s before zeros, as\n%s before ones", name, p.Data, a, b)
			}
		}
	}
}

// TestWrappedPacketsAreRead holds the packets that TestMutatedHeaders begins with: each leads to its TCP segment.
func TestWrappedPacketsAreRead(t *testing.T) {
	for name, p := range wrapped() {
		p.Length = len(p.Data)
		if got := walkOnce(&decoder{stats: &Stats{}}, p, 0); !strings.HasSuffix(got, `> 10.0.0.2:6379 77 6 "PING\r\n"`) && !strings.HasSuffix(got, `> [fd00::2]:6379 77 6 "PING\r\n"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestRareHeaders gives what decodes a rare header the headers that it must refuse, and says as what they are counted.
func TestRareHeaders(t *testing.T) {
	v4 := ipv4Bytes(addrA, addrB, protoTCP, 1, tcpBytes(40000, 6379, 77, 88, ACK, nil, nil))
	inUDP := func(port uint16, parts ...any) []byte {
		return ipv4Bytes(addrB, addrA, protoUDP, 2, udp(port, join(parts...)))
	}
	in6 := func(next uint8, parts ...any) []byte { return ipv6Bytes(six1, six2, next, join(parts...)) }
	for _, c := range []struct {
		name string
		link capture.LinkType
		data []byte
		want string
	}{
		{"VLAN tag cut", capture.LinkEthernet, join(etherTo + "8100 0005 08"), "short link layer"},
		{"LLC cut", capture.LinkEthernet, join(etherTo + "0040 aaaa"), "not IP"},
		{"SNAP cut", capture.LinkEthernet, join(etherTo + "0040 aaaa03000000 08"), "not IP"},
		{"SNAP of Cisco", capture.LinkEthernet, join(etherTo+"0040 aaaa0300000c 0800", v4), "not IP"},
		{"SNAP in a numbered frame", capture.LinkEthernet, join(etherTo+"0040 aaaa02000000 0800", v4), "not IP"},
		{"SNAP to a group", capture.LinkEthernet, join(etherTo+"0040 abaa03000000 0800", v4), "not IP"},
		{"spanning tree", capture.LinkEthernet, join(etherTo + "0026 424203 0000000000"), "not IP"},
		{"SNAP with a length for a type", capture.LinkEthernet, join(etherTo+"0040 aaaa03000000 0040", v4), "bad link layer"},
		{"SNAP with SNAP for a type", capture.LinkEthernet, join(etherTo+"0040 aaaa03000000 0000 aaaa03000000 0800", v4), "bad link layer"},
		{"NULL cut", capture.LinkNull, join("020000"), "short link layer"},
		{"NULL of another family", capture.LinkNull, join("11000000", v4), "not IP"},
		{"NULL of no family", capture.LinkNull, join("02020202", v4), "not IP"},
		{"VXLAN cut", capture.LinkRaw, inUDP(4789, "08000000 000001"), "bad tunnel header"},
		{"VXLAN without an identifier", capture.LinkRaw, inUDP(4789, "00000000 00000100", etherV4, v4), "not TCP"},
		{"extension header cut", capture.LinkRaw, in6(protoHopByHop, "06"), "short IP header"},
		{"extension header longer than the packet", capture.LinkRaw, in6(protoDestOpts, "06 02 000000000000 0000000000000000"), "short IP header"},
	} {
		var s Stats
		d := decoder{stats: &s}
		p := capture.Packet{Link: c.link, Length: len(c.data), Data: c.data}
		if d.walk(&p, &packet{}) {
			t.Errorf("%s: a packet", c.name)
		}
		got := fmt.Sprint(s.Undecodable, s.NonIP, s.NonTCP)
		if s.NonIP == 1 {
			got = "not IP"
		} else if s.NonTCP == 1 {
			got = "not TCP"
		}
		for f, n := range s.Undecodable {
			if n == 1 {
				got = Fault(f).String()
			}
		}
		if got != c.want {
			t.Errorf("%s: counted as %s, want %s", c.name, got, c.want)
		}
	}
}
