package names

import (
	"net/netip"
	"strings"
	"testing"
)

const sample = `# who is who
172.18.0.2:6379, cache
172.18.0.2 6380 sessions	# the same host
172.18.0.0/16   apps
172.18.9.0/24   web
[2001:db8::7]:6379 six
2001:db8::8 worker
::ffff:10.0.0.1 mapped
10.2.0.0/16:6379 shard
10.3.0.1,,front end
10.3.0.2 , 6379 , session store
10.3.0.3=mail
`

func TestTheMostParticularEntryNames(t *testing.T) {
	n, err := Read(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	for client, want := range map[string]string{
		"172.18.0.2": "apps", "172.18.9.1": "web", "172.18.8.1": "apps", "2001:db8::7": "", "2001:db8::8": "worker",
		"10.3.0.1": "front end", "10.3.0.3": "mail", "10.0.0.1": "mapped", "::ffff:172.18.9.1": "web", "10.2.0.1": "", "192.0.2.1": "",
	} {
		if got := n.Client(netip.MustParseAddr(client)); got != want {
			t.Errorf("client %s: %q, want %q", client, got, want)
		}
	}
	for server, want := range map[string]string{
		"172.18.0.2:6379": "cache", "172.18.0.2:6380": "sessions", "172.18.0.2:6381": "apps:6381", "172.18.9.1:6379": "web:6379",
		"[2001:db8::7]:6379": "six", "[2001:db8::7]:6380": "", "10.2.3.4:6379": "shard", "10.3.0.2:6379": "session store", "10.3.0.1:6379": "front end:6379", "10.2.3.4:6380": "", "[::ffff:10.0.0.1]:1": "mapped:1",
	} {
		if got := n.Server(netip.MustParseAddrPort(server)); got != want {
			t.Errorf("server %s: %q, want %q", server, got, want)
		}
	}
	if got := new(Names).Server(netip.MustParseAddrPort("10.0.0.1:1")); got != "" {
		t.Errorf("no entry gives %q", got)
	}
}

func TestBadLinesAreNamed(t *testing.T) {
	for text, says := range map[string]string{
		"10.0.0.1":               "line 1: want an address",
		"\n10.0.0.1 a b c":       "line 2: want an address",
		"host cache":             `address "host"`,
		"10.0.0.1:0 a":           `port "0"`,
		"10.0.0.1 x a":           `port "x"`,
		"10.0.0.1/33 a":          `address "10.0.0.1/33"`,
		"10.0.0.1 a\n10.0.0.1 b": "line 2: it has another label above",
		"fe80::1%eth0 a":         "address",
		"10.0.0.1 " + strings.Repeat("x", maxLabel+1): "a label is text",
		"10.0.0.1 a\x01b": "a label is text",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
	if _, err := Open(t.TempDir() + "/missing"); err == nil {
		t.Error("a missing file is no error")
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample)
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := Read(strings.NewReader(text)); err == nil {
			n.Client(netip.MustParseAddr("172.18.0.2"))
			n.Server(netip.MustParseAddrPort("[2001:db8::7]:6379"))
		}
	})
}
