package pools

import (
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestLinksGiveWay: in a live run the link that has been without a connection for longest gives way to another one, with what
// is kept of it, and those with a connection do not. Of a file no link gives way.
func TestLinksGiveWay(t *testing.T) {
	for _, live := range []bool{false, true} {
		set := bound.Set{Live: live}
		r := NewRegistry(RegistryOptions{Bounds: &set, Links: 3})
		conns := map[int]*ConnFacts{}
		open := func(host int) *Link {
			f := &ConnFacts{}
			f.Begin(r, int64(host))
			f.join(client(host))
			conns[host] = f
			return f.link
		}
		for _, host := range []int{1, 2, 3} {
			open(host)
		}
		if l := open(4); l != nil {
			t.Errorf("live %t: a link beyond the limit while all others have a connection", live)
		}
		conns[2].link.Chains = make([]Chain, 5)
		r.kept.chains = 5
		conns[2].Finish(client(2), sec(1))
		conns[1].Finish(client(1), sec(2))
		open(1) // has one again
		if l := open(5); (l != nil) != live {
			t.Errorf("live %t: a link in the place of an idle one: %v", live, l)
		}
		_, known := r.links[linkKey{client(2).Client.Addr(), client(2).Server}]
		if known == live || live != (r.kept.chains == 0) || len(r.links) != 3 || len(r.peers) == 0 {
			t.Errorf("live %t: the idle link is known %t, %d chains, %d links", live, known, r.kept.chains, len(r.links))
		}
		evidence := false
		for _, b := range set.Reached() {
			if b.Name == "pairs of client and server" {
				evidence = b.Loses == bound.Evidence
			}
		}
		if evidence == live {
			t.Errorf("live %t: that links give way loses evidence %t", live, evidence)
		}
	}
}
