package communityid

import (
	"net/netip"
	"testing"
)

func TestOf(t *testing.T) {
	for _, tc := range []struct{ a, b, want string }{
		// The first is the specification's own; the others are what Wireshark 4.0 and further programs give.
		{"128.232.110.120:34855", "66.35.250.204:80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
		{"10.0.0.10:49152", "10.0.0.20:80", "1:UG6cynLHoE34uLlABaTLnoF9dWI="},
		{"[2001:db8::2]:40000", "[2001:db8::1]:6379", "1:bAIMyt0tEnyTLi4iY7omYKFeDz8="},
		{"[::ffff:10.0.0.10]:49152", "10.0.0.20:80", "1:UG6cynLHoE34uLlABaTLnoF9dWI="},
	} {
		a, b := netip.MustParseAddrPort(tc.a), netip.MustParseAddrPort(tc.b)
		if there, back := Of(a, b), Of(b, a); there != tc.want || back != tc.want {
			t.Errorf("%s, %s: %s and %s, want %s", tc.a, tc.b, there, back, tc.want)
		}
	}
	same := netip.MustParseAddrPort("127.0.0.1:6379")
	if other := netip.MustParseAddrPort("127.0.0.1:50000"); Of(same, other) != Of(other, same) || Of(same, other) == Of(same, same) {
		t.Error("one address on both sides")
	}
	if id := Of(same, netip.AddrPort{}); id != "" {
		t.Errorf("without an address: %s", id)
	}
}
