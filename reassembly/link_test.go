package reassembly

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/respsniff/respsniff/capture"
)

const (
	etherTo  = "020000000001 020000000002 "
	etherV4  = etherTo + "0800"
	udpPlain = "c000 12b5 0000 0000" // to 4789
)

func udp(port uint16, data []byte) []byte {
	b := join(udpPlain)
	binary.BigEndian.PutUint16(b[2:], port)
	return append(b, data...)
}

// pktap is a header of macOS's packet tap that begins with these words.
func pktap(begin string, parts ...any) []byte {
	head := make([]byte, 108)
	copy(head, join(begin))
	return append(head, join(parts...)...)
}

// nflogPayload is the attribute that holds the packet.
func nflogPayload(bigEndian bool, data []byte) []byte {
	b := make([]byte, 4)
	if bigEndian {
		binary.BigEndian.PutUint16(b, uint16(4+len(data)))
		b[3] = 9
	} else {
		binary.LittleEndian.PutUint16(b, uint16(4+len(data)))
		b[2] = 9
	}
	return append(b, data...)
}

func TestLayers(t *testing.T) {
	tcp := tcpBytes(40000, 6379, 77, 88, ACK|PSH, nil, []byte("PING\r\n"))
	v4 := ipv4Bytes(addrA, addrB, protoTCP, 1, tcp)
	v6 := ipv6Bytes(six1, six2, protoTCP, tcp)
	eth := join(etherV4, v4)
	outer4 := func(proto uint8, data []byte) []byte { return ipv4Bytes(addrB, addrA, proto, 2, data) }
	options4 := join("46000000 00010000 40060000 0a000001 0a000002 01010100", tcp)
	binary.BigEndian.PutUint16(options4[2:], uint16(len(options4)))
	tso := join(v4)
	tso[2], tso[3] = 0, 0
	jumbo := ipv6Bytes(six1, six2, protoHopByHop, join("06 00 c2 04 00 01 00 00", tcp))
	jumbo[4], jumbo[5] = 0, 0
	long := func(parts ...any) []byte { return join(append(parts, "00000000 ffff")...) } // padding behind

	for _, c := range []struct {
		name   string
		link   capture.LinkType
		data   []byte
		tunnel Tunnel // Tunnels: none
	}{
		{"Ethernet", capture.LinkEthernet, eth, Tunnels},
		{"Ethernet with padding", capture.LinkEthernet, long(eth), Tunnels},
		{"Ethernet IPv6 with trailer", capture.LinkEthernet, long(etherTo+"86dd", v6), Tunnels},
		{"802.1Q", capture.LinkEthernet, join(etherTo+"8100 0005 0800", v4), VLAN},
		{"QinQ", capture.LinkEthernet, join(etherTo+"88a8 0005 8100 0006 86dd", v6), VLAN},
		{"SNAP", capture.LinkEthernet, join(etherTo+"0040 aaaa03000000 0800", v4), Tunnels},
		{"SLL", capture.LinkSLL, join("0000 0001 0006 0200000000010000 0800", v4), Tunnels},
		{"SLL with VLAN", capture.LinkSLL, join("0000 0001 0006 0200000000010000 8100 0005 0800", v4), VLAN},
		{"SLL2", capture.LinkSLL2, join("86dd 0000 00000001 0001 00 06 0200000000010000", v6), Tunnels},
		{"NULL little endian", capture.LinkNull, join("02000000", v4), Tunnels},
		{"NULL big endian", capture.LinkNull, join("0000001e", v6), Tunnels},
		{"NULL FreeBSD", capture.LinkNull, join("1c000000", v6), Tunnels},
		{"LOOP", capture.LinkLoop, join("00000018", v6), Tunnels},
		{"RAW 4", capture.LinkRaw, v4, Tunnels},
		{"RAW 6", capture.LinkRawOld, v6, Tunnels},
		{"RAW BSD", capture.LinkRawBSD, v4, Tunnels},
		{"IPV4", capture.LinkIPv4, v4, Tunnels},
		{"IPV6", capture.LinkIPv6, v6, Tunnels},
		{"PPP", capture.LinkPPP, join("ff03 0021", v4), Tunnels},
		{"PPP, fields compressed", capture.LinkPPP, join("57", v6), Tunnels},
		{"PPP HDLC", capture.LinkPPPHDLC, join("ff03 0021", v4), Tunnels},
		{"Cisco HDLC", capture.LinkPPPHDLC, join("0f00 0800", v4), Tunnels},
		{"PPPoE link", capture.LinkPPPoE, join("1100 0001 0040 0021", v4), PPPoE},
		{"PPPoE", capture.LinkEthernet, join(etherTo+"8864 1100 0001 0040 0057", v6), PPPoE},
		{"MPLS", capture.LinkEthernet, join(etherTo+"8847 00010040 00020140", v4), MPLS},
		{"MPLS pseudowire", capture.LinkEthernet, join(etherTo+"8847 00020140 00000000", eth), MPLS},
		{"MPLS in IP", capture.LinkRaw, outer4(protoMPLS, join("00020140", v6)), MPLS},
		{"IP in IP", capture.LinkRaw, outer4(protoIPIP, v4), IPIP},
		{"6in4", capture.LinkRaw, outer4(protoIPv6, v6), IPIP},
		{"4in6", capture.LinkRaw, ipv6Bytes(six2, six1, protoIPIP, v4), IPIP},
		{"GRE", capture.LinkRaw, outer4(protoGRE, join("0000 0800", v4)), GRE},
		{"GRE with all fields", capture.LinkRaw, outer4(protoGRE, join("b000 86dd 00000000 00000001 00000002", v6)), GRE},
		{"GRE Ethernet", capture.LinkRaw, outer4(protoGRE, join("0000 6558", eth)), GRE},
		{"PPTP", capture.LinkRaw, outer4(protoGRE, join("3081 880b 00400001 00000002 00000003 ff03 0021", v4)), GRE},
		{"ERSPAN I", capture.LinkRaw, outer4(protoGRE, join("0000 88be", eth)), ERSPAN},
		{"ERSPAN II", capture.LinkRaw, outer4(protoGRE, join("1000 88be 00000001 10050001 00000000", eth)), ERSPAN},
		{"ERSPAN III", capture.LinkRaw, outer4(protoGRE, join("1000 22eb 00000001 20050001 00000000 00000000", eth)), ERSPAN},
		{"ERSPAN III with subheader", capture.LinkRaw,
			outer4(protoGRE, join("1000 22eb 00000001 20050001 00000000 00000001 0000000000000000", eth)), ERSPAN},
		{"ERSPAN III of IP", capture.LinkRaw,
			outer4(protoGRE, join("1000 22eb 00000001 20050001 00000000 00000800", v4)), ERSPAN},
		{"VXLAN", capture.LinkRaw, outer4(protoUDP, udp(4789, join("08000000 00000100", eth))), VXLAN},
		{"VXLAN on 8472", capture.LinkRaw, outer4(protoUDP, udp(8472, join("08000000 00000100", eth))), VXLAN},
		{"VXLAN with a group policy, on a port of its own", capture.LinkRaw, outer4(protoUDP, udp(14789, join("88000007 00000100", eth))), OtherUDP},
		{"VXLAN of a tagged frame, on a port of its own", capture.LinkRaw, outer4(protoUDP, udp(9, join("08000000 00000100", etherTo+"8100 0005 86dd", v6))), OtherUDP},
		{"VXLAN-GPE of IPv6", capture.LinkRaw, outer4(protoUDP, udp(4790, join("0c000002 00000100", v6))), OtherUDP},
		{"VXLAN-GPE on the port of VXLAN", capture.LinkRaw, outer4(protoUDP, udp(4789, join("0c000001 00000100", v4))), VXLAN},
		{"VXLAN-GPE, no next protocol", capture.LinkRaw, outer4(protoUDP, udp(4790, join("08000000 00000100", eth))), OtherUDP},
		{"NSH in VXLAN-GPE", capture.LinkRaw, outer4(protoUDP, udp(4790, join("0c000004 00000100 0fc20201 000001ff", v4))), OtherUDP},
		{"NSH", capture.LinkEthernet, join(etherTo+"894f 0fc60103 000001ff 00000000 00000000 00000000 00000000", eth), Tagged},
		{"TZSP", capture.LinkRaw, outer4(protoUDP, udp(37008, join("01000001 0a01c8 00 01", eth))), OtherUDP},
		{"TZSP of 802.11", capture.LinkRaw, outer4(protoUDP, udp(37008, join("01000012 01 0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4))), OtherUDP},
		{"L2TP", capture.LinkRaw, outer4(protoUDP, udp(1701, join("4a02 0020 0001 0002 0002 0000 0000 ff03 0021", v4))), OtherUDP},
		{"L2TPv3 over UDP", capture.LinkRaw, outer4(protoUDP, udp(1701, join("0003 0000 00000007 aabbccdd", eth))), OtherUDP},
		{"L2TPv3", capture.LinkRaw, outer4(protoL2TP, join("00000007 aabbccdd eeff0011 00000000", eth)), OtherUDP},
		{"MPLS in UDP", capture.LinkRaw, outer4(protoUDP, udp(6635, join("00020140", v4))), MPLS},
		{"EtherIP", capture.LinkRaw, outer4(protoEtherIP, join("3000", eth)), EtherIP},
		{"EoIP", capture.LinkRaw, outer4(protoGRE, join("2001 6400 0040 0700", eth)), GRE},
		{"WCCP", capture.LinkRaw, outer4(protoGRE, join("0000 883e 00000000", v4)), GRE},
		{"PBB", capture.LinkEthernet, join(etherTo+"88e7 00000064", eth), Tagged},
		{"TRILL", capture.LinkEthernet, join(etherTo+"22f3 003f 0001 0002", eth), Tagged},
		{"FabricPath", capture.LinkEthernet, join(etherTo+"8903 0001", eth), Tagged},
		{"Cisco metadata", capture.LinkEthernet, join(etherTo+"8909 01 01 0001 0007 0800", v4), Tagged},
		{"VN-tag", capture.LinkEthernet, join(etherTo+"8926 00010002 0800", v4), Tagged},
		{"E-tag", capture.LinkEthernet, join(etherTo+"893f 000100020000 86dd", v6), Tagged},
		{"Arista time stamp", capture.LinkEthernet, join(etherTo+"d28b 0001 0010 0000000000000000 0800", v4), Tagged},
		{"Arista short time stamp", capture.LinkEthernet, join(etherTo+"d28b 0001 0020 000000000000 0800", v4), Tagged},
		{"MACsec, signed only", capture.LinkEthernet, join(etherTo+"88e5 20 00 00000001 0200000000010001 0800", v4, "00000000 00000000 00000000 00000000"), Tagged},
		{"PKTAP", capture.LinkPKTAP, pktap("6c000000 01000000 01000000", eth), Tunnels},
		{"PKTAP big endian, of loopback", capture.LinkPKTAP, pktap("0000006c 00000001 00000000", "02000000", v4), Tunnels},
		{"PKTAP of private use", capture.LinkUser2, pktap("6c000000 01000000 0c000000", v4), Tunnels},
		{"NFLOG", capture.LinkNFLog, join("02 00 0001 0800 0100 08000100 0900 0a00 7072653a 00 000000", nflogPayload(false, v4)), Tunnels},
		{"NFLOG big endian", capture.LinkNFLog, join("0a 00 0001 0008 0001 08000100", nflogPayload(true, v6)), Tunnels},
		{"802.11", capture.Link80211, join("0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4, "deadbeef"), Tunnels},
		{"802.11 QoS between access points", capture.Link80211, join("8803 0000 020000000001 020000000001 020000000001 0000 020000000001 0000 aaaa03000000 86dd", v6), Tunnels},
		{"802.11 of one packet in an aggregate", capture.Link80211, join("8801 0000 020000000001 020000000001 020000000001 0000 8000 020000000001 020000000002 0036 aaaa03000000 0800", v4), Tunnels},
		{"radiotap", capture.LinkRadiotap, join("0000 1200 2e480000 00 02 6c09 a000 c5 01 0000", "0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4), Tunnels},
		{"radiotap, header padded", capture.LinkRadiotap, join("0000 0900 02000000 20", "8801 0000 020000000001 020000000001 020000000001 0000 0000 0000 aaaa03000000 0800", v4), Tunnels},
		{"radiotap, two words of fields", capture.LinkRadiotap, join("0000 0d00 02000080 00000000 00", "0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4), Tunnels},
		{"Prism", capture.LinkPrism, join("44000000 18000000 776c616e30000000 0000000000000000", "0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4), Tunnels},
		{"AVS", capture.LinkAVS, join("80211001 00000010 0000000000000000", "0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4), Tunnels},
		{"PPI", capture.LinkPPI, join("00 00 0c00 69000000 00000000", "0801 0000 020000000001 020000000001 020000000001 0000 aaaa03000000 0800", v4), Tunnels},
		{"pflog", capture.LinkPFLog, join("3d02 0000", make([]byte, 60), v4), Tunnels},
		{"enc", capture.LinkENC, join("02000000 00000000 00000000", v4), Tunnels},
		{"Cisco HDLC link", capture.LinkCHDLC, join("0f00 86dd", v6), Tunnels},
		{"Cisco HDLC with direction", capture.LinkCHDLCDir, join("01 0f00 0800", v4), Tunnels},
		{"PPP with direction", capture.LinkPPPDir, join("00 ff03 0021", v4), Tunnels},
		{"ATM", capture.LinkRFC1483, join("aaaa03000000 0800", v4), Tunnels},
		{"MPLS link", capture.LinkMPLS, join("00020140", v4), MPLS},
		{"IPoIB", capture.LinkIPoIB, join("0800 0000", v4), Tunnels},
		{"IPoIB with a route", capture.LinkIPoIB, join("60", make([]byte, 39), "86dd 0000", v6), Tunnels},
		{"Geneve", capture.LinkRaw, outer4(protoUDP, udp(6081, join("02006558 00000100 0000000000000000", eth))), Geneve},
		{"GTP-U", capture.LinkRaw, outer4(protoUDP, udp(2152, join("30ff0040 00000001", v4))), GTPU},
		{"GTP-U with extension", capture.LinkRaw,
			outer4(protoUDP, udp(2152, join("34ff0040 00000001 00000085 01100900", v4))), GTPU},
		{"IPv4 options", capture.LinkRaw, long(options4), Tunnels},
		{"IPv4 length 0 (TSO)", capture.LinkEthernet, join(etherV4, tso), Tunnels},
		{"IPv6 extension headers", capture.LinkRaw,
			ipv6Bytes(six1, six2, protoHopByHop, join("3c 00 050200000000 2b 00 000000000000 33 00 000000000000",
				"06 01 0000 00000000 00000000", tcp)), Tunnels},
		{"IPv6 jumbogram", capture.LinkRaw, jumbo, Tunnels},
		{"IPv6 atomic fragment", capture.LinkRaw,
			ipv6Bytes(six1, six2, protoFragment, join("06 00 0000 00000001", tcp)), Tunnels},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Options{})
			p := []capture.Packet{{Time: 1, Frame: 1, Link: c.link, Length: len(c.data), Data: c.data}}
			var got []string
			for seg := range a.Segments(from(p)) {
				if seg.End != NotEnded {
					continue
				}
				got = append(got, string(seg.Payload))
				if seg.Length != 6 || seg.RawSeq != 77 || seg.RawAck != 88 || seg.TTL != 64 {
					t.Errorf("%+v", seg)
				}
				if e := seg.Conn.Ends; e[A].Port() != 40000 || e[B].Port() != 6379 ||
					(e[A].Addr() != addrA || e[B].Addr() != addrB) && (e[A].Addr() != six1 || e[B].Addr() != six2) {
					t.Errorf("ends %v", e)
				}
			}
			if len(got) != 1 || got[0] != "PING\r\n" {
				t.Errorf("payloads %q, stats %+v", got, a.Stats())
			}
			for k := range Tunnels {
				inner := k != c.tunnel && c.tunnel != Tunnels && (k == Tagged || k == VLAN || k == OtherUDP) // a tunnel in a tunnel
				if want := k == c.tunnel; !inner && want != (a.Stats().Tunnels[k] > 0) {
					t.Errorf("tunnel %v seen: %d", k, a.Stats().Tunnels[k])
				}
			}
		})
	}
}

func TestFaults(t *testing.T) {
	tcp := tcpBytes(40000, 6379, 77, 88, ACK, nil, nil)
	v4 := ipv4Bytes(addrA, addrB, protoTCP, 1, tcp)
	badHeader := join(v4)
	badHeader[0] = 0x44
	badOffset := join(v4)
	badOffset[ipv4Header+12] = 0x40
	beyond := join(v4)
	beyond[ipv4Header+12] = 0xf0
	deep := v4
	for range maxLayers {
		deep = ipv4Bytes(addrA, addrB, protoIPIP, 1, deep)
	}
	for _, c := range []struct {
		name string
		link capture.LinkType
		data []byte
		want Fault
	}{
		{"unknown link", 147, v4, UnknownLink},
		{"PKTAP of nonsense", capture.LinkPKTAP, make([]byte, 120), BadLink},
		{"PKTAP cut", capture.LinkPKTAP, pktap("6c000000 01000000 01000000")[:60], ShortLink},
		{"PKTAP in PKTAP without end", capture.LinkPKTAP, bytes.Repeat(pktap("6c000000 01000000 02010000"), maxLayers+1), TooDeep},
		{"radiotap cut", capture.LinkRadiotap, join("0000 4000 00000000"), ShortLink},
		{"NFLOG of length 0", capture.LinkNFLog, join("02 00 0000 0000 0100"), BadLink},
		{"TZSP without end", capture.LinkRaw, ipv4Bytes(addrA, addrB, protoUDP, 1, udp(37008, join("01000001 0a01c8"))), BadTunnel},
		{"NSH of no length", capture.LinkEthernet, join(etherTo + "894f 0fc00103 000001ff"), BadTunnel},
		{"short Ethernet", capture.LinkEthernet, v4[:13], ShortLink},
		{"short SLL2", capture.LinkSLL2, v4[:19], ShortLink},
		{"PPPoE version", capture.LinkPPPoE, join("2200 0001 0040 0021"), BadLink},
		{"short IP", capture.LinkRaw, v4[:19], ShortIP},
		{"IP version", capture.LinkRaw, join("50"), BadIP},
		{"IP header length", capture.LinkRaw, badHeader, BadIP},
		{"short TCP", capture.LinkRaw, v4[:39], ShortTCP},
		{"TCP data offset", capture.LinkRaw, badOffset, BadTCP},
		{"TCP header beyond the packet", capture.LinkRaw, beyond, BadTCP},
		{"short GRE", capture.LinkRaw, ipv4Bytes(addrA, addrB, protoGRE, 1, join("b000 0800 0000")), BadTunnel},
		{"a tunnel in a tunnel in a tunnel", capture.LinkRaw, deep, TooDeep},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := New(Options{})
			p := []capture.Packet{{Time: 1, Frame: 1, Link: c.link, Length: len(c.data), Data: c.data}}
			for seg := range a.Segments(from(p)) {
				t.Errorf("segment %+v", seg)
			}
			for f := range Faults {
				if got := a.Stats().Undecodable[f]; (got == 1) != (f == c.want) {
					t.Errorf("%v: %d", f, got)
				}
			}
		})
	}
}

func TestFragments(t *testing.T) {
	tcp := tcpBytes(40000, 6379, 77, 88, ACK, nil, []byte("0123456789abcdefghijklmnopqr"))
	v4 := func(id uint16, from, to int, more bool) []byte {
		b := ipv4Bytes(addrA, addrB, protoTCP, id, tcp[from:to])
		binary.BigEndian.PutUint16(b[6:], uint16(from/8))
		if more {
			b[6] |= 0x20
		}
		return b
	}
	v6 := func(from, to int, more byte) []byte {
		h := join("06 00 0000 00000009")
		binary.BigEndian.PutUint16(h[2:], uint16(from)|uint16(more))
		return ipv6Bytes(six1, six2, protoFragment, join(h, tcp[from:to]))
	}
	end := len(tcp)
	for _, c := range []struct {
		name            string
		list            [][]byte
		joined, dropped int64
	}{
		{"in order", [][]byte{v4(1, 0, 24, true), v4(1, 24, 40, true), v4(1, 40, end, false)}, 1, 0},
		{"in reverse", [][]byte{v4(1, 40, end, false), v4(1, 24, 40, true), v4(1, 0, 24, true)}, 1, 0},
		{"IPv6", [][]byte{v6(24, end, 0), v6(0, 24, 1)}, 1, 0},
		{"copied", [][]byte{v4(1, 0, 24, true), v4(1, 0, 24, true), v4(1, 24, end, false)}, 1, 0},
		{"overlapping", [][]byte{v4(1, 0, 24, true), v4(1, 16, end, false), v4(1, 24, end, false)}, 0, 1},
		{"one missing", [][]byte{v4(1, 0, 24, true), v4(1, 40, end, false)}, 0, 1},
		{"of two packets", [][]byte{v4(1, 0, 24, true), v4(2, 24, end, false)}, 0, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var packets []capture.Packet
			for i, d := range c.list {
				packets = append(packets, capture.Packet{
					Time: 1, Frame: int64(i + 1), Link: capture.LinkRaw, Length: len(d), Data: d})
			}
			a := New(Options{})
			payloads := 0
			for seg := range a.Segments(from(packets)) {
				if seg.End == NotEnded && string(seg.Payload) == string(tcp[tcpHeader:]) {
					payloads++
				}
			}
			st := a.Stats()
			if st.FragmentsJoined != c.joined || st.FragmentsDropped != c.dropped || payloads != int(c.joined) {
				t.Errorf("joined %d, dropped %d, payloads %d", st.FragmentsJoined, st.FragmentsDropped, payloads)
			}
			if c.joined == 1 && a.decoder.fragments.bytes != 0 {
				t.Errorf("%d bytes still held", a.decoder.fragments.bytes)
			}
		})
	}
	t.Run("bounded", func(t *testing.T) {
		a := New(Options{})
		var packets []capture.Packet
		for i := range 5000 {
			d := v4(uint16(i), 0, 24, true)
			d[15] = byte(i >> 8)
			packets = append(packets, capture.Packet{Time: 1, Frame: int64(i), Link: capture.LinkRaw, Length: len(d), Data: d})
		}
		for range a.Segments(from(packets)) {
			t.Fatal("a segment")
		}
		if n := len(a.decoder.fragments.parts); n > maxFragmented {
			t.Errorf("%d packets in the making", n)
		}
	})
}
