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
		{eth("88e5", "0000 0000"), "EtherType 0x88e5 (MACsec)"},
		{eth("1234", "0000"), "EtherType 0x1234"},
		{eth("0026", "424203 000000"), "802.3 frames without an EtherType"},
		{raw(ipv4Bytes(addrA, addrB, 50, 1, join("00000001"))), "IP protocol 50 (ESP)"},
		{raw(ipv4Bytes(addrA, addrB, 200, 1, join("00000001"))), "IP protocol 200"},
		{raw(ipv4Bytes(addrA, addrB, protoUDP, 1, udp(37008, join("01000001 01")))), "UDP to port 37008 (TZSP)"},
		{raw(ipv4Bytes(addrA, addrB, protoUDP, 1, udp(14789, join("08000000")))), "UDP to port 14789"},
		{capture.Packet{Link: capture.LinkPPP, Data: join("c021 0101")}, "PPP protocol 0xc021"},
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
