package pools

import (
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// client makes a connection from the n-th client address.
func client(n int) *pairing.Session {
	s := &pairing.Session{}
	s.ID, s.RoleKnown = int64(n), true
	s.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)}), 40000)
	s.Server = netip.MustParseAddrPort("192.0.2.1:6379")
	return s
}

// hits returns how often each limit of a set was reached.
func hits(set *bound.Set) map[string]int64 {
	m := map[string]int64{}
	for _, b := range set.Reached() {
		m[b.Name] = b.Hits
	}
	return m
}

// TestLinksBeyondTheBound looks that connections beyond the bound count once each, under the bound's name, and that they
// are not counted with another client.
func TestLinksBeyondTheBound(t *testing.T) {
	var set bound.Set
	r := NewRegistry(RegistryOptions{Bounds: &set, Links: 3})
	for n := range 5 {
		var f ConnFacts
		f.Begin(r, int64(n))
		s := client(n)
		for i := range 4 {
			seg := &reassembly.Segment{Flags: reassembly.ACK, Time: sec(float64(n*10 + i)), Frame: int64(i + 1), Length: 1, Payload: []byte("x"), Header: reassembly.Header{TTL: 64}, Plain: true}
			ex := &pairing.Exchange{}
			ex.Time = seg.Time
			f.Command(s, ex)
			f.See(s, i%2, seg, Owed(2*(1-i%2)))
		}
		if got := f.Link() != nil; got != (n < 3) {
			t.Errorf("connection %d has a link: %v", n, got)
		}
		f.Finish(s, sec(float64(n*10+9)))
	}
	if got := hits(&set); len(got) != 1 || got["pairs of client and server"] != 2 {
		t.Errorf("limits reached: %v", got)
	}
	if got := r.Links(); len(got) != 3 || got[0].Conns != 1 || got[2].Conns != 1 {
		t.Errorf("%d links", len(got))
	}
}

// TestLimitsOfALink reaches each limit on what is kept of a link.
func TestLimitsOfALink(t *testing.T) {
	var set bound.Set
	r := NewRegistry(RegistryOptions{Bounds: &set, Span: func() (capture.Time, capture.Time) { return 0, sec(1e6) }})
	l := r.linkOf(client(1).Client.Addr(), client(1).Server)
	l.Open = minExhausted
	for i := range r.limits.exhausted.Limit + 7 {
		at := sec(float64(20 * (i + 1)))
		l.load.wait(minExhausted, l.Open, l.peer.prompt, at)
		l.endExhaustion(at.Add(exhaustionFloor))
		l.load.wait(-minExhausted, l.Open, l.peer.prompt, at.Add(exhaustionFloor))
	}
	if len(l.Exhausted) != r.limits.exhausted.Limit {
		t.Errorf("%d exhaustions kept", len(l.Exhausted))
	}
	for i := range r.limits.failed.Limit + 3 {
		var f ConnFacts
		f.SYN = Mark{Frame: 1, Time: sec(float64(i))}
		l.failed(&f, f.SYN.Time.Add(2*time.Second))
	}
	if l.Unanswered != r.limits.failed.Limit+3 {
		t.Errorf("%d unanswered SYNs counted", l.Unanswered)
	}
	var chained ConnFacts
	chained.Begin(r, 1)
	chained.link = l
	for i := range r.limits.ticks.Limit + 5 {
		chained.record(pendingTick{at: sec(float64(30 * (i + 1)))})
	}
	for i := range r.limits.chains.Limit {
		var f ConnFacts
		f.Begin(r, int64(i+2))
		f.link = l
		f.record(pendingTick{at: sec(1)})
	}
	want := map[string]int64{
		"exhaustions of one client's connections": 7, "failed connects of one client": 3,
		"pool timer work of one client": 5 + int64(r.limits.chains.Limit) - 1, "connection chains of one client": 1,
	}
	for name, n := range want {
		if got := hits(&set)[name]; got != n {
			t.Errorf("%s: reached %d times, want %d", name, got, n)
		}
	}
	if len(hits(&set)) != len(want) {
		t.Errorf("limits reached: %v", hits(&set))
	}
}

// TestPoolsGoOn looks that pools which were counted in the middle of a run are counted anew when it has gone on, and that
// what does not fit is counted once.
func TestPoolsGoOn(t *testing.T) {
	end := sec(100)
	var set bound.Set
	r := NewRegistry(RegistryOptions{Bounds: &set, Span: func() (capture.Time, capture.Time) { return 0, end }})
	r.limits.clusters.Limit = 2
	l := r.linkOf(client(1).Client.Addr(), client(1).Server)
	tick := func(chain int, from, to float64) {
		for len(l.Chains) <= chain {
			l.Chains = append(l.Chains, Chain{Conns: 1})
		}
		for at := from; at < to; at += 30 {
			l.Ticks = append(l.Ticks, Tick{Time: sec(at), Conn: int64(chain + 1), Chain: chain})
			l.intervals = append(l.intervals, 30*time.Second)
		}
	}
	tick(0, 1, 100)
	if p := l.Pools(); len(p.Clusters) != 1 || p != l.Pools() {
		t.Errorf("%d pools", len(p.Clusters))
	}
	end = sec(400)
	tick(0, 121, 400)
	tick(1, 105, 400)
	tick(2, 110, 400)
	for range 3 {
		end++
		if p := l.Pools(); len(p.Clusters) != 2 || !p.Clusters[1].Live {
			t.Errorf("%d pools after the run went on", len(p.Clusters))
		}
	}
	if got := hits(&set)["pools of one client"]; got != 10 {
		t.Errorf("%d ticks of pools beyond the bound, want 10", got)
	}
}
