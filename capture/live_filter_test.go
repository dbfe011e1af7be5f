package capture

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"
)

// tcpFrame is an Ethernet frame with a TCP segment; tags are VLAN tags, fragment the IPv4 fragment field.
func tcpFrame(from, to string, tags int, fragment uint16, options int) []byte {
	src, dst := netip.MustParseAddrPort(from), netip.MustParseAddrPort(to)
	b := make([]byte, 12)
	for range tags {
		b = append(b, 0x81, 0, 0, 7)
	}
	if src.Addr().Is4() {
		b = append(b, 8, 0)
		ip := make([]byte, 20+options)
		ip[0], ip[9] = byte(0x40|len(ip)/4), protoTCP
		binary.BigEndian.PutUint16(ip[6:], fragment)
		copy(ip[12:], src.Addr().AsSlice())
		copy(ip[16:], dst.Addr().AsSlice())
		b = append(b, ip...)
	} else {
		b = append(b, 0x86, 0xdd)
		ip := make([]byte, ipv6Size)
		ip[0], ip[6] = 0x60, protoTCP
		copy(ip[8:], src.Addr().AsSlice())
		copy(ip[24:], dst.Addr().AsSlice())
		b = append(b, ip...)
	}
	b = binary.BigEndian.AppendUint16(b, src.Port())
	b = binary.BigEndian.AppendUint16(b, dst.Port())
	return append(b, make([]byte, 16)...)
}

func TestLiveFilter(t *testing.T) {
	udp := tcpFrame("10.0.0.1:1", "10.0.0.2:6379", 0, 0, 0)
	udp[14+9] = 17
	udp6 := tcpFrame("[2001:db8::1]:1", "[2001:db8::2]:6379", 0, 0, 0)
	udp6[14+6] = 17
	hop := tcpFrame("[2001:db8::1]:1", "[2001:db8::2]:1", 0, 0, 0)
	hop[14+6] = protoHop
	arp := append(make([]byte, 12), 8, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	frames := map[string][]byte{
		"to port":        tcpFrame("10.0.0.1:40000", "10.0.0.2:6379", 0, 0, 0),
		"from port":      tcpFrame("10.0.0.2:6379", "10.0.0.1:40000", 0, 0, 0),
		"other port":     tcpFrame("10.0.0.1:40000", "10.0.0.2:80", 0, 0, 0),
		"second port":    tcpFrame("10.0.0.1:40000", "10.0.0.2:7000", 0, 0, 0),
		"IP options":     tcpFrame("10.0.0.1:40000", "10.0.0.2:6379", 0, 0, 12),
		"first fragment": tcpFrame("10.0.0.1:40000", "10.0.0.2:6379", 0, 0x2000, 0),
		"later fragment": tcpFrame("10.0.0.1:0", "10.0.0.2:0", 0, 0x00b9, 0),
		"VLAN":           tcpFrame("10.0.0.1:40000", "10.0.0.2:6379", 1, 0, 0),
		"VLAN, other":    tcpFrame("10.0.0.1:40000", "10.0.0.2:80", 1, 0, 0),
		"two tags":       tcpFrame("10.0.0.1:40000", "10.0.0.2:80", 2, 0, 0),
		"IPv6":           tcpFrame("[2001:db8::1]:40000", "[2001:db8::2]:6379", 0, 0, 0),
		"IPv6, other":    tcpFrame("[2001:db8::1]:40000", "[2001:db8::2]:80", 0, 0, 0),
		"IPv6 hop":       hop,
		"UDP":            udp,
		"UDP over IPv6":  udp6,
		"ARP":            arp,
		"other host":     tcpFrame("192.0.2.9:40000", "192.0.2.2:6379", 0, 0, 0),
		"cut":            tcpFrame("10.0.0.1:40000", "10.0.0.2:6379", 0, 0, 0)[:20],
	}
	all := []string{"to port", "from port", "other port", "second port", "IP options", "first fragment", "later fragment", "VLAN",
		"VLAN, other", "two tags", "IPv6", "IPv6, other", "IPv6 hop", "UDP", "UDP over IPv6", "other host", "cut"}
	for _, c := range []struct {
		name   string
		filter LiveFilter
		text   string
		pass   []string
	}{
		{"none", LiveFilter{}, "", all},
		{"port", LiveFilter{Ports: []uint16{6379}}, "tcp and (port 6379)",
			[]string{"to port", "from port", "IP options", "first fragment", "later fragment", "VLAN", "two tags", "IPv6", "IPv6 hop", "other host"}},
		{"ports", LiveFilter{Ports: []uint16{6379, 7000}}, "tcp and (port 6379 or port 7000)",
			[]string{"to port", "from port", "second port", "IP options", "first fragment", "later fragment", "VLAN", "two tags", "IPv6", "IPv6 hop", "other host"}},
		{"host", LiveFilter{Hosts: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}}, "tcp and (host 10.0.0.1)",
			[]string{"to port", "from port", "other port", "second port", "IP options", "first fragment", "later fragment", "VLAN", "VLAN, other", "two tags"}},
		{"net", LiveFilter{Hosts: []netip.Prefix{netip.MustParsePrefix("192.0.0.0/9")}, Ports: []uint16{6379}}, "tcp and (port 6379) and (net 192.0.0.0/9)",
			[]string{"other host", "two tags"}},
		{"IPv6 net", LiveFilter{Hosts: []netip.Prefix{netip.MustParsePrefix("2001:db8::2/127")}}, "tcp and (net 2001:db8::2/127)",
			[]string{"IPv6", "IPv6, other", "IPv6 hop", "two tags"}},
		{"either", LiveFilter{Hosts: []netip.Prefix{netip.MustParsePrefix("2001:db8::9/128"), netip.MustParsePrefix("192.0.2.2/32")}},
			"tcp and (host 2001:db8::9 or host 192.0.2.2)", []string{"other host", "two tags"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.filter.String(); got != c.text {
				t.Errorf("%q, want %q", got, c.text)
			}
			code, err := c.filter.compile(false, 1000, 0)
			if err != nil {
				t.Fatal(err)
			}
			vm, err := bpf.NewVM(code)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, name := range c.pass {
				want[name] = true
			}
			for name, frame := range frames {
				n, err := vm.Run(frame)
				if err != nil {
					t.Fatal(err)
				}
				if (n > 0) != want[name] {
					t.Errorf("%s: passes %v, want %v", name, n > 0, want[name])
				}
			}
			for _, cooked := range []bool{false, true} {
				if _, err := c.filter.program(cooked, 1000, 1); err != nil {
					t.Errorf("cooked %v: %v", cooked, err)
				}
			}
		})
	}
}

func TestLiveFilterIsBounded(t *testing.T) {
	var f LiveFilter
	for p := range uint16(2000) {
		f.Ports = append(f.Ports, p)
	}
	if _, err := f.program(false, 1000, 0); err == nil {
		t.Error("a program longer than the kernel takes was made")
	}
	f.Ports = f.Ports[:200]
	if _, err := f.program(false, 1000, 0); err != nil {
		t.Error(err)
	}
}
