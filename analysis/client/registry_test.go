package client

import (
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

func connOf(r *Registry, client byte) *Conn {
	s := &pairing.Session{}
	s.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, client}), 40000)
	c := &Conn{Session: s, Reg: r}
	c.Pop = r.populationOf(c)
	return c
}

// TestPopulationsAreBounded: at the bound the population without a connection for longest goes; one with an open connection
// stays.
func TestPopulationsAreBounded(t *testing.T) {
	var set bound.Set
	limit := set.New(bound.Bound{Name: "client groups", Limit: 3, Loses: bound.Evidence})
	r := NewRegistry(Given{}, &set)
	open := connOf(r, 1)
	for i := byte(2); i < 50; i++ {
		r.Closed(connOf(r, i).Pop)
		if len(r.populations) > 3 {
			t.Fatalf("%d populations, want 3 at most", len(r.populations))
		}
	}
	if again := connOf(r, 1); again.Pop != open.Pop {
		t.Error("a population with an open connection was forgotten")
	}
	if limit.Hits != 46 {
		t.Errorf("%d hits, want 46", limit.Hits)
	}
}

// TestKnown: what the user says counts before a name, a name before a habit, and a habit before nothing.
func TestKnown(t *testing.T) {
	var set bound.Set
	r := NewRegistry(Given{}, &set)
	c := connOf(r, 1)
	want := func(policy Policy, basis Basis) {
		t.Helper()
		if p, b := c.Known(); p != policy || b != basis {
			t.Errorf("%s, basis %d; want %s, %d", p, b, policy, basis)
		}
	}
	want(PolicyUnknown, Inferred)
	if w := PolicyUnknown.Weights(Inferred); w != nil {
		t.Errorf("weights %v of nothing", w)
	}

	c.Keyed, c.Mode.Ending = true, pairing.QuitSent
	c.LastData[pairing.RoleServer].Seen = true
	c.Closing[pairing.RoleClient] = pairing.CloseMark{Rst: true, Time: capture.Time(6e6)}
	c.ClientClosed(false)
	want(PolicyUnknown, Inferred) // 6 ms later: not at once
	c.Closing[pairing.RoleClient].Time = 1e6
	c.ClientClosed(false)
	want(PolicyLockstep, Guessed)
	if l := c.Pop.Library(); l.Name != "jedis" || !l.Guessed {
		t.Errorf("library %+v", l)
	}

	c.Pop.named, c.Pop.library = true, libraryNamed("lettuce")
	want(PolicyMultiplex, Named)
	r.given.Policies = map[netip.Addr]Policy{{}: PolicyLockstep}
	want(PolicyLockstep, Stated)
	if PolicyLockstep.Weights(Stated) != &TurnsStated || PolicyLockstep.Weights(Named) != &TakesTurns || PolicyLockstep.Weights(Guessed) != &MayTakeTurns || PolicyAsync.Weights(Named) != &Multiplexes || PolicyMultiplex.Weights(Stated) != &SharesStated {
		t.Error("weights")
	}
}

// TestReplacedAtOnce: a pool that closes a connection with unread bytes in it opens another one at once.
func TestReplacedAtOnce(t *testing.T) {
	for _, x := range []struct {
		overtook bool
		after    capture.Time
		want     string
	}{{true, 2e6, "redis-py"}, {true, 6e6, ""}, {false, 2e6, ""}} {
		r := NewRegistry(Given{}, &bound.Set{})
		c := connOf(r, 1)
		c.Closing[pairing.RoleClient] = pairing.CloseMark{Fin: true, Time: 1e9}
		c.ClientClosed(x.overtook)
		r.Opened(c.Session, 1e9+x.after)
		if l := c.Pop.Library(); l.Name != x.want {
			t.Errorf("%+v: library %q", x, l.Name)
		}
	}
}

// TestPolicyOf reads policies off kinds.
func TestPolicyOf(t *testing.T) {
	kinds := [NumKinds]float64{Closes: 0.2, Keeps: 0.5, Discards: 0.1, Shares: 0.2}
	if s := TurnsShare(&kinds); s < 0.69 || s > 0.71 {
		t.Errorf("share %v", s)
	}
	for _, x := range []struct {
		turns   bool
		batches float64
		want    Policy
	}{{true, 0, PolicyLockstep}, {true, 0.2, PolicyPipelines}, {false, 0.2, PolicyMultiplex}} {
		if got := PolicyOf(x.turns, x.batches); got != x.want {
			t.Errorf("%v %v: %s", x.turns, x.batches, got)
		}
	}
}
