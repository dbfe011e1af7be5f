package client

import (
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
