package client

import (
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

type noSink struct{}

func (noSink) GaveUp(*pairing.Exchange, time.Duration, GaveUp, int64, capture.Time) {}

func connOf(r *Registry, client byte) *Conn {
	s := &pairing.Session{}
	s.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, client}), 40000)
	c := &Conn{Session: s, Reg: r, Sink: noSink{}}
	c.Group = r.groupOf(c)
	return c
}

// TestGroupsAreBounded: at the bound the group without a connection for longest goes, with its population; one with an
// open connection stays.
func TestGroupsAreBounded(t *testing.T) {
	var set bound.Set
	limit := set.New(bound.Bound{Name: "client groups", Limit: 3, Loses: bound.Evidence})
	r := NewRegistry(Given{}, Parameters{}, &set)
	open := connOf(r, 1)
	for i := byte(2); i < 50; i++ {
		connOf(r, i).Group.Closed()
		if len(r.groups) > 3 || len(r.Populations) > 3 {
			t.Fatalf("%d groups, %d populations, want 3 at most", len(r.groups), len(r.Populations))
		}
	}
	if again := connOf(r, 1); again.Group != open.Group {
		t.Error("a group with an open connection was forgotten")
	}
	if limit.Hits != 46 {
		t.Errorf("%d hits, want 46", limit.Hits)
	}
}

// TestEstimateGoesOn: a population that changes its read timeout after many samples is seen to.
func TestEstimateGoesOn(t *testing.T) {
	var set bound.Set
	c := connOf(NewRegistry(Given{}, Parameters{}, &set), 1)
	for i := range 3 * maxSamples {
		gap := 200 * time.Millisecond
		if i >= 2*maxSamples {
			gap = 700 * time.Millisecond
		}
		c.gaveUp(&pairing.Exchange{}, gap, GaveUpClose, 1, 0)
	}
	if ts := c.Group.Pop.Estimate(); len(ts.Values) == 0 || ts.Values[0].T != 700*time.Millisecond || ts.N != maxSamples {
		t.Errorf("%+v, want 700 ms of the latest samples", ts)
	}
}
