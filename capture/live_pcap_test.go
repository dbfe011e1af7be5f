//go:build libpcap || (cgo && (darwin || dragonfly || freebsd || netbsd || openbsd))

package capture

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/google/gopacket"
	"github.com/google/gopacket/pcap"
)

func TestLinkOfDLT(t *testing.T) {
	for _, tt := range []struct {
		dlt    int
		system string
		want   LinkType
	}{
		{1, "linux", LinkEthernet},
		{113, "linux", LinkSLL},
		{0, "darwin", LinkNull},
		{12, "darwin", LinkRawOld},
		{12, "openbsd", LinkLoop},
		{14, "openbsd", LinkRawBSD},
		{108, "netbsd", LinkLoop},
	} {
		if got := linkOfDLT(tt.dlt, tt.system); got != tt.want {
			t.Errorf("%d on %s is %v, want %v", tt.dlt, tt.system, got, tt.want)
		}
	}
}

// TestAllInterfacesNeedLinux: what a system has no device for must not be asked of libpcap, whose error would be "no such
// device".
func TestAllInterfacesNeedLinux(t *testing.T) {
	if liveAny {
		t.Skip("this system has such a device")
	}
	if _, err := OpenLive(LiveOptions{}); !errors.Is(err, ErrUnsupported) {
		t.Errorf("OpenLive: %v", err)
	}
}

// TestFilterOfLibpcap: what the filter of a port passes, as libpcap compiles it.
func TestFilterOfLibpcap(t *testing.T) {
	const ethernet, cooked = 1, 113 // as libpcap numbers them
	f := LiveFilter{Ports: []uint16{6379}}
	program, err := pcap.NewBPF(ethernet, DefaultSnaplen, f.expression(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pcap.NewBPF(cooked, DefaultSnaplen, f.expression(false)); err != nil {
		t.Fatal(err)
	}
	tcp := func(port uint16) []byte {
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, 40000), port)
	}
	v4 := func(flags uint16, body []byte) []byte {
		ip := []byte{0x45, 0, 0, 44, 0, 0, byte(flags >> 8), byte(flags), 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
		return append(append(ip, body...), make([]byte, 20)...)
	}
	v6 := func(next byte, body []byte) []byte {
		ip := append([]byte{0x60, 0, 0, 0, 0, 24, next, 64}, make([]byte, 32)...)
		return append(append(ip, body...), make([]byte, 20)...)
	}
	frame := func(tags []uint16, kind uint16, ip []byte) []byte {
		b := make([]byte, 12)
		for _, t := range tags {
			b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, t), 7)
		}
		return append(binary.BigEndian.AppendUint16(b, kind), ip...)
	}
	const ip4, ip6, vlan, qinq = 0x0800, 0x86dd, 0x8100, 0x88a8
	for name, c := range map[string]struct {
		frame []byte
		want  bool
	}{
		"plain":               {frame(nil, ip4, v4(0, tcp(6379))), true},
		"another port":        {frame(nil, ip4, v4(0, tcp(80))), false},
		"IPv6":                {frame(nil, ip6, v6(6, tcp(6379))), true},
		"one tag":             {frame([]uint16{vlan}, ip4, v4(0, tcp(6379))), true},
		"one tag, other port": {frame([]uint16{vlan}, ip4, v4(0, tcp(80))), false},
		"QinQ":                {frame([]uint16{qinq, vlan}, ip4, v4(0, tcp(6379))), true},
		"two tags of 802.1Q":  {frame([]uint16{vlan, vlan}, ip6, v6(6, tcp(6379))), true},
		"QinQ, other port":    {frame([]uint16{qinq, vlan}, ip4, v4(0, tcp(80))), false},
		"a later fragment":    {frame(nil, ip4, v4(100, make([]byte, 4))), true},
		"IPv6 options":        {frame(nil, ip6, v6(0, make([]byte, 4))), true},
	} {
		if got := program.Matches(gopacket.CaptureInfo{CaptureLength: len(c.frame), Length: len(c.frame)}, c.frame); got != c.want {
			t.Errorf("%s: passes %v", name, got)
		}
	}
}
