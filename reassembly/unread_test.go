package reassembly

import (
	"testing"

	"github.com/respsniff/respsniff/capture"
)

// TestUnreadIsNamed: what a packet without TCP carries is counted under its number, and named where the number is known.
func TestUnreadIsNamed(t *testing.T) {
	eth := func(etherType, payload string) capture.Packet {
		return capture.Packet{Link: capture.LinkEthernet, Data: join("ffffffffffff 020000000001 "+etherType, payload)}
	}
	raw := func(data []byte) capture.Packet { return capture.Packet{Link: capture.LinkRaw, Data: data} }
	for _, tc := range []struct {
		packet capture.Packet
		want   string
	}{
		{eth("88e5", "0c00 00000001 0000"), "EtherType 0x88e5 (MACsec)"},
		{eth("1234", "0000"), "EtherType 0x1234"},
		{eth("0026", "424203 000000"), "802.3 frames without an EtherType"},
		{raw(ipv4Bytes(addrA, addrB, 50, 1, join("00000001"))), "IP protocol 50 (ESP)"},
		{raw(ipv4Bytes(addrA, addrB, 200, 1, join("00000001"))), "IP protocol 200"},
		{raw(ipv4Bytes(addrA, addrB, protoUDP, 1, udp(6080, join("00040000")))), "UDP to port 6080 (GUE)"},
		{raw(ipv4Bytes(addrA, addrB, 115, 1, join("00000000 c802"))), "IP protocol 115 (L2TP)"},
		{raw(ipv4Bytes(addrA, addrB, protoUDP, 1, udp(14789, join("08000000")))), "UDP to port 14789"},
		{capture.Packet{Link: capture.LinkPPP, Data: join("c021 0101")}, "PPP protocol 0xc021"},
		{capture.Packet{Link: capture.Link80211, Data: join("0841 0000 020000000001 020000000001 020000000001 0000 00000000")}, "encrypted 802.11 frames"},
		{capture.Packet{Link: capture.Link80211, Data: join("0805 0000 020000000001 020000000001 020000000001 0000 aaaa03000000")}, "fragments of 802.11 frames"},
		{capture.Packet{Link: capture.Link80211, Data: join("8801 0000 020000000001 020000000001 020000000001 0000 8000 020000000001 020000000002 0004 00000000 0000",
			"020000000001 020000000002 0004 00000000 0000 020000000001")}, "802.11 frames of several packets"},
	} {
		tc.packet.Length = len(tc.packet.Data)
		d := decoder{stats: &Stats{}}
		for range 2 {
			d.walk(&tc.packet, &packet{})
		}
		list := d.unread.Ranked()
		if len(list) != 1 || list[0].String() != tc.want || d.unread[list[0]] != 2 || d.stats.NonIP+d.stats.NonTCP != 2 {
			t.Errorf("%v of %d packets, want %q twice", list, d.stats.NonIP+d.stats.NonTCP, tc.want)
		}
	}
}

// TestUndecodedLinksAreNamed: a packet of a link type that is not decoded is counted under its number and name.
func TestUndecodedLinksAreNamed(t *testing.T) {
	for link, want := range map[capture.LinkType]string{189: "link type 189 (USB)", 9999: "link type 9999", capture.LinkUser2: "link type 149 (private use)"} {
		d := decoder{stats: &Stats{}}
		d.walk(&capture.Packet{Link: link, Length: 60, Data: make([]byte, 60)}, &packet{})
		if list := d.unread.Ranked(); len(list) != 1 || list[0].String() != want || d.stats.Undecodable[UnknownLink] != 1 || len(d.unread.Tunnels()) != 1 {
			t.Errorf("%v, want %q", list, want)
		}
	}
}
