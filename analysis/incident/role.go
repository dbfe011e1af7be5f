package incident

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"sync"
)

// Names give clients and servers the names of their roles; "" for none. Nil gives none to anybody.
type Names struct {
	Client func(netip.Addr) string
	Server func(netip.AddrPort) string
}

// identity names both ends of a group.
func (n *Names) identity(id groupID) Identity {
	x := Identity{Subject: id.subject}
	if n.Client != nil && id.client.IsValid() {
		x.ClientName = n.Client(id.client)
	}
	if n.Server != nil && id.server.IsValid() {
		x.ServerName = n.Server(id.server)
	}
	return x
}

// settle gives a group that is reported early, or resumed, the fingerprint that it keeps in this run.
func (c *Collector) settle(g *FindingGroup) {
	if g.settled || g.more != nil {
		return
	}
	g.settled = true
	f := &g.f
	f.Identity = c.reg.o.Names.identity(groupID{f.Client, f.Server, f.Subject})
	if f.ClientName == "" && f.ServerName == "" {
		return
	}
	f.Fingerprint = fingerprintOf(f)
	taken := map[string]bool{}
	for _, x := range c.order {
		if x != g && x.settled {
			taken[x.f.Fingerprint] = true
		}
	}
	base := f.Fingerprint
	for n := 2; taken[f.Fingerprint]; n++ {
		f.Fingerprint = numbered(base, n)
	}
}

// settleAll gives the others theirs. Several of one role are told apart by numbers, which follow their addresses.
func (c *Collector) settleAll() {
	if c.reg.o.Names.Client == nil && c.reg.o.Names.Server == nil {
		return
	}
	inOrder := slices.SortedFunc(slices.Values(c.order), func(a, b *FindingGroup) int {
		return cmp.Or(a.f.Client.Compare(b.f.Client), a.f.Server.Compare(b.f.Server), cmp.Compare(a.f.Subject, b.f.Subject))
	})
	times := map[string]int{}
	for _, g := range inOrder {
		if g.settled {
			times[Unnumbered(g.f.Fingerprint)]++
		}
	}
	for _, g := range inOrder {
		f := &g.f
		if g.settled {
			continue
		}
		g.settled = true
		f.Identity = c.reg.o.Names.identity(groupID{f.Client, f.Server, f.Subject})
		if f.ClientName == "" && f.ServerName == "" {
			continue
		}
		f.Fingerprint = fingerprintOf(f)
		if times[f.Fingerprint]++; times[f.Fingerprint] > 1 {
			f.Fingerprint = numbered(f.Fingerprint, times[f.Fingerprint])
		}
	}
}

func numbered(fingerprint string, n int) string { return fingerprint + "-" + strconv.Itoa(n) }

// Unnumbered returns a fingerprint without the number that tells several clients or servers of one role apart: what it says of all
// of them.
func Unnumbered(fingerprint string) string {
	return behindRole().ReplaceAllString(fingerprint, "$1")
}

var behindRole = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(RS[0-9]{3}-[0-9a-f]{12})-[0-9]+$`)
})

// AddressFingerprint returns the fingerprint that a finding has without names.
func AddressFingerprint(f *Finding) string {
	return fingerprint(f.Rule, groupID{f.Client, f.Server, f.Subject})
}
