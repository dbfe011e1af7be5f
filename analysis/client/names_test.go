package client

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

func TestRoleIn(t *testing.T) {
	for name, want := range map[string]string{
		"app": "app", "app-12": "app-#", "worker7": "worker#", "sidekiq:web-1:4711": "sidekiq:web-#:#", "4711": "", "10.0.0.1:4711": "", "": "",
		"app-3f2a9b0c": "app-#", "app-6d4cf56db6-x7k2p": "app-#", "app-7b9f8c6d5-xkzwp": "app-#", "decade": "decade", "feed-reader": "feed-reader",
		"app-123e4567-e89b-12d3-a456-426614174000": "app-#-#-#-#-#", "cache-db1": "cache-db#",
	} {
		if got := roleIn([]byte(name)); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func command(words ...string) *resp.Request {
	req := &resp.Request{NArgs: len(words)}
	for _, w := range words {
		req.Args = append(req.Args, resp.Arg{Bytes: []byte(w), Len: len(w)})
	}
	return req
}

// TestNamesHaveNoOrder gives names in every order of these commands.
func TestNamesHaveNoOrder(t *testing.T) {
	a, b, c, d := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("10.0.0.4")
	all := []struct {
		client netip.Addr
		req    *resp.Request
	}{
		{a, command("CLIENT", "SETNAME", "app-1")}, {a, command("client", "setname", "app-2")},
		{a, command("CLIENT", "SETINFO", "LIB-NAME", "jedis")}, {b, command("CLIENT", "SETINFO", "LIB-NAME", "jedis")},
		{c, command("CLIENT", "SETNAME", "web")}, {c, command("HELLO", "3", "SETNAME", "mail")}, {c, command("CLIENT", "SETINFO", "lib-name", "redis-py")},
		{d, command("CLIENT", "SETINFO", "LIB-NAME", "mylib")}, {d, command("CLIENT", "GETNAME", "x")}, {d, command("HELLO", "3", "AUTH", "SETNAME", "x")},
	}
	for from := range all {
		for _, back := range []bool{false, true} {
			r := NewRegistry(Given{}, new(bound.Set))
			for i := range all {
				x := all[(from+i)%len(all)]
				if back {
					x = all[(from+len(all)-i)%len(all)]
				}
				r.names.see(x.client, x.req)
			}
			if got := []string{r.Name(a), r.Name(b), r.Name(c), r.Name(d), r.Name(netip.MustParseAddr("10.0.0.5"))}; !slices.Equal(got, []string{"app-#", "", "redis-py", "mylib", ""}) {
				t.Errorf("from %d, back %v: %q", from, back, got)
			}
		}
	}
}
