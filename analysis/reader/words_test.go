package reader

import (
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestDoubtsBoundWords: what is known of a connection makes words weaker, never stronger, and who is known to share it may
// have read its own reply for certain.
func TestDoubtsBoundWords(t *testing.T) {
	own, other := Row{Index: 3, Got: Read, Reply: 3}, Row{Index: 3, Got: Read, Reply: 2}
	gone, before := Row{Index: 3, Got: Nothing}, Row{Index: 3, Got: Before}
	for _, x := range []struct {
		d     Doubts
		row   Row
		flags CommandFlags
		most  Word
	}{
		{Doubts{}, other, 0, Proven},
		{Doubts{Lossy: true}, own, 0, Likely},
		{Doubts{Lossy: true}, other, 0, Likely},
		{Doubts{Together: true}, own, 0, Proven},
		{Doubts{Together: true}, other, 0, Possible},
		{Doubts{Together: true}, gone, 0, Possible},
		{Doubts{Together: true}, before, 0, Possible},
		{Doubts{Together: true, Lossy: true}, own, 0, Likely},
		{Doubts{CutCommands: true}, own, 0, Possible},
		{Doubts{CutCommands: true, Lossy: true}, gone, 0, Possible},
		{Doubts{}, own, Drains, Likely},
		{Doubts{Together: true}, other, Drains, Possible},
	} {
		for w := Unknown; w <= Proven; w++ {
			c := &Conn{records: records{base: 2, commands: []commandRecord{{flags: x.flags}}}}
			rows := []Row{x.row}
			rows[0].Word = w
			bounded(&Options{Doubts: func(*Conn) Doubts { return x.d }}, c, rows)
			if got := rows[0].Word; got != min(w, x.most) {
				t.Errorf("%+v, %+v: %s became %s, want %s at most", x.d, x.row, w, got, x.most)
			}
		}
	}
}

// TestAgreementIsNoEvidence: connections that agree, and of which none shows anything by itself, accuse nobody.
func TestAgreementIsNoEvidence(t *testing.T) {
	for _, x := range []struct {
		gain, whole, each float64
		most              Word
	}{
		{8.8, 1, 1, Possible}, {4.8, 1, 3.5, Likely}, {4.8, 1, 4.8, Proven}, {2, 30, 30, Proven}, {2, 8, 8, Likely}, {2, 3, 3, Possible},
		{8.8, 10, -3, Possible}, {4.8, 1, inf, Proven},
	} {
		for w := Unknown; w <= Proven; w++ {
			if got := accusation(w, x.gain, x.whole, x.each); got != min(w, x.most) {
				t.Errorf("%+v: %s became %s, want %s at most", x, w, got, x.most)
			}
		}
	}
}

// TestReleasedConnsAreUsedAgain: a connection that has settled is used again, as if it were new; one that has not is not.
func TestReleasedConnsAreUsedAgain(t *testing.T) {
	ended := 0
	r := New(Options{Bounds: &bound.Set{}}, func(v *Verdict) {
		if v.Ended {
			ended++
		}
	})
	use := func(c *Conn) {
		c.Belongs(Key{})
		c.Sent(&Command{Index: 1, Flags: Awaited, Time: 1e9, EndTime: 1e9, End: 14})
		c.Answered(&Reply{Index: 1, Time: 1e9 + 1e5, End: 7})
		c.Acked(1e9+2e5, 7)
	}
	c := r.Open(1, Key{}.Client, false)
	c.Tag = "mine"
	use(c)
	c.Release()
	if open := r.Open(2, Key{}.Client, false); open == c {
		t.Fatal("a connection was used again before its end")
	}
	c.Closed(&Ending{Time: 1e9 + 3e5, ByClient: true, Ack: 7})
	c.End(1e9 + 4e5)
	c.Release()
	again := r.Open(3, Key{}.Client, true)
	if again != c || ended != 1 {
		t.Fatalf("used again %v; %d verdicts", again == c, ended)
	}
	if again.Tag != nil || again.ID != 3 || !again.midstream || again.farAck != -1 || len(again.commands)+len(again.replies)+len(again.writes) != 0 ||
		again.over || again.judged || again.ended || again.told != 0 || again.pop != nil {
		t.Errorf("%+v", again)
	}
	again.commands = make([]commandRecord, 0, 1<<12)
	use(again)
	again.End(2e9)
	again.Release()
	if c := r.Open(4, Key{}.Client, false); c != again || cap(c.commands) > len(c.few.commands) {
		t.Errorf("memory for %d commands is kept", cap(c.commands))
	}
}

// TestLateBelonging: a connection that was closed before its population was known is of the one that others of its address
// have, and of one that is forgotten with them.
func TestLateBelonging(t *testing.T) {
	r := New(Options{Bounds: &bound.Set{}}, func(*Verdict) {})
	k := Key{Client: netip.MustParseAddr("10.0.0.1"), SetUp: 7}
	early := r.Open(1, k.Client, false)
	early.Closed(&Ending{Time: 1e9, ByClient: true})
	if len(r.reg.whos) != 0 {
		t.Fatal("an address without connections is kept")
	}
	other := r.Open(2, k.Client, false)
	other.Belongs(k)
	early.Belongs(k)
	if early.pop == nil || early.pop != other.pop || len(r.reg.pops) != 1 || other.who.pops != 1 {
		t.Fatalf("populations %p and %p of %d", early.pop, other.pop, len(r.reg.pops))
	}
	last := r.Open(3, k.Client, false)
	for _, c := range []*Conn{early, other} {
		c.End(2e9)
	}
	r.reg.idle.Remove(&r.reg.first.idle)
	r.reg.drop(r.reg.first)
	last.Closed(&Ending{Time: 2e9, ByClient: true})
	if len(r.reg.whos) != 0 {
		t.Error("an address is kept for ever")
	}
	last.Belongs(k)
	again := r.Open(4, k.Client, false)
	again.Belongs(k)
	if again.pop != last.pop || len(r.reg.pops) != 1 {
		t.Errorf("populations %p and %p of %d", again.pop, last.pop, len(r.reg.pops))
	}

	var set bound.Set
	set.New(bound.Bound{Name: "populations", Limit: 1})
	r = New(Options{Bounds: &set}, func(*Verdict) {})
	r.Open(1, k.Client, false).Belongs(k)
	refused := r.Open(2, netip.MustParseAddr("10.0.0.2"), false)
	refused.Closed(&Ending{Time: 1e9, ByClient: true})
	refused.Belongs(Key{Client: refused.who.addr})
	if refused.pop != nil || len(r.reg.whos) != 1 {
		t.Errorf("%d addresses are kept, want that of the population alone", len(r.reg.whos))
	}
}
