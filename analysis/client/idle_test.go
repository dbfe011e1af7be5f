package client

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestLongestIdleIsForgotten: of several populations without a connection the one that closed its last first goes, however
// they closed and came back.
func TestLongestIdleIsForgotten(t *testing.T) {
	var set bound.Set
	set.New(bound.Bound{Name: "client groups", Limit: 4})
	r := NewRegistry(Given{}, &set)
	a, b, c, d := connOf(r, 1), connOf(r, 2), connOf(r, 3), connOf(r, 4)
	for _, x := range []*Conn{b, a, c, d} {
		r.Closed(x.Pop)
	}
	connOf(r, 1) // has one again
	for i, want := range []*Conn{b, c, d} {
		connOf(r, byte(10+i))
		if p := r.populations[populationKey{client: want.Client.Addr()}]; p != nil {
			t.Errorf("%s is known", want.Client)
		}
		if len(r.populations) != 4 {
			t.Errorf("%d populations", len(r.populations))
		}
	}
	if p := r.populations[populationKey{client: a.Client.Addr()}]; p != a.Pop {
		t.Error("the one that came back was forgotten")
	}
}

// TestIdlePopulations compares the list with a slice, over any order of closes and returns.
func TestIdlePopulations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l idlePopulations
	var want []*Population
	all := make([]*Population, 6)
	for i := range all {
		all[i] = &Population{Client: netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})}
	}
	for range 2000 {
		p := all[random.IntN(len(all))]
		if i := slices.Index(want, p); i >= 0 {
			l.remove(p)
			want = slices.Delete(want, i, i+1)
		} else {
			l.remove(p) // not listed: nothing happens
			l.push(p)
			want = append(want, p)
		}
		var forward, back []*Population
		for p := l.first; p != nil && len(forward) <= len(all); p = p.idle.after {
			forward = append(forward, p)
		}
		for p := l.last; p != nil && len(back) <= len(all); p = p.idle.before {
			back = append(back, p)
		}
		slices.Reverse(back)
		if !slices.Equal(forward, want) || !slices.Equal(back, want) {
			t.Fatalf("forward %d, back %d, want %d of them in order", len(forward), len(back), len(want))
		}
	}
}
