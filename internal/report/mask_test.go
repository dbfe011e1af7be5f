package report

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/resp"
)

func TestMaskHidesAddresses(t *testing.T) {
	for _, address := range []string{"198.18.0.2", "2001:db8::77"} {
		a := netip.MustParseAddr(address)
		port := netip.AddrPortFrom(a, 47868)
		d := hostileDocument("MOVED 1 " + port.String() + ", from " + address + ". Then")
		for i := range d.Findings {
			f := &d.Findings[i]
			f.Client, f.Server, f.Name, f.Fingerprint = a, port, "n", "f"
			f.Commands = nil
			for j := range f.Examples {
				e := &f.Examples[j]
				e.Client, e.Server, e.File = port, port, "a.pcap"
				for k := range e.Victims {
					e.Victims[k].Command, e.Victims[k].Key = "GET", "k"
				}
			}
		}
		d.Tool.Version, d.Suppressed, d.Quality.LimitsReached = "", nil, nil
		d.Input = nil
		for i := range d.Incidents { // what no address can be in
			in := &d.Incidents[i]
			in.Fingerprint, in.Rule, in.Cause.What, in.Damage.Commands, in.Story.File = "f", "RS101", "w", nil, "a.pcap"
			in.Clients, in.Servers, in.Cause.Servers = []netip.Addr{a}, []netip.AddrPort{port}, []netip.AddrPort{port}
			in.Story.Client, in.Story.Server = port, port
			for j := range in.Steps {
				in.Steps[j].Rule, in.Steps[j].Name, in.Steps[j].Findings = "RS101", "n", []string{"f"}
			}
			for j := range in.Others {
				in.Others[j].Client, in.Others[j].Server = port, port
			}
		}
		Mask{Addresses: true}.Document(d)
		for _, format := range ownFormats {
			b := writeOwn(t, format, d)
			if i := strings.Index(b, address); i >= 0 {
				t.Errorf("%s: %q", format, b[max(0, i-40):i+20])
			}
		}
	}
}

func TestMaskText(t *testing.T) {
	m := Mask{Addresses: true}
	a := m.Addr(netip.MustParseAddr("10.0.0.1")).String()
	six := m.Addr(netip.MustParseAddr("fd00::1")).String()
	for in, want := range map[string]string{
		"10.0.0.1":             a,
		"to 10.0.0.1:6379.":    "to " + a + ":6379.",
		"[fd00::1]:6379":       "[" + six + "]:6379",
		"ip.addr==10.0.0.1 &&": "ip.addr==" + a + " &&",
		"at 12:30:01.5, 3.2 s": "at 12:30:01.5, 3.2 s",
		"a.pcap: frame 3":      "a.pcap: frame 3",
		"version 7.0.15":       "version 7.0.15",
	} {
		if got := m.Text(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if (Mask{}).Text("10.0.0.1") != "10.0.0.1" {
		t.Error("masked without being asked")
	}
}

func TestMaskKeyKeepsSlotAndTag(t *testing.T) {
	for _, key := range []string{"user:1", "{tag}:a", "a{b}c{d}", "{}x", "x{", "\x1b\x00"} {
		token := (Mask{Keys: true}).Key([]byte(key))
		if resp.Slot([]byte(token)) != resp.Slot([]byte(key)) {
			t.Errorf("%q became %q in another slot", key, token)
		}
		if strings.Contains(token, "user") || token != resp.MaskKey([]byte(key)) {
			t.Errorf("%q became %q", key, token)
		}
	}
}
