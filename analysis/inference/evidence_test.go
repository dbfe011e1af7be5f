package inference

import (
	"math"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

// seconds of a step that was written at 0, with its own reply at reply and the next write at next.
func stepOf(reply, next float64) (*View, *Step) {
	v := &View{At: []float64{reply}, End: []int64{10}, Type: []Type{Bulk}, Quiet: []float32{0}, Crowd: []uint16{0}, Command: []int32{1}}
	st := &Step{Next: next, Ack: 0, NextAck: 0, N: 1, Index: 1, What: NextWrite, Wait: reply, Have: reply <= next}
	if st.Have {
		st.NextAck = 10
	}
	return v, st
}

func passOf(v *View) *Pass {
	var none client.Counts
	for i := range 100 {
		none.Think.Add(0.01*float64(i%10+1), 1)
	}
	p := &Pass{v: v, Gate: NewGate([]float64{0.01, 0.02, 0.02, 0.03}, nil), Sizes: &WriteSizes{}}
	par := client.NewParams(&none, &client.Fit{})
	p.Params = &[client.NumFamilies]*client.Params{par, par, par}
	var h client.Hazards
	h.StepEvents[0], h.StepRisk[0], h.Events = 20, 20, 20
	for i := range h.Risk {
		if client.CoarseEdge(i) < 0.2 {
			h.Risk[i] = 20
		}
	}
	for f := range p.Patience {
		p.Patience[f] = client.NewPatience([]float64{0.2}, &h, nil)
	}
	return p
}

func TestEvidencePatience(t *testing.T) {
	v, st := stepOf(0.1, 0.12)
	p := passOf(v)
	if a, b := waited(p, client.Unread, st, 0, 0.1), waited(p, client.Unread, st, 0, 0.4); a < 0.9 || b > 0.2 {
		t.Errorf("waited 100 ms %.2f, 400 ms %.2f, with a timeout of 200 ms", a, b)
	}
	st.Blocking = true
	if a := waited(p, client.Unread, st, 0, 60); a != 1 {
		t.Errorf("a blocking command waits on the server: %.2f", a)
	}
}

func TestEvidencePause(t *testing.T) {
	v, st := stepOf(0.4, 0.41)
	p := passOf(v)
	v.Quiet[0], v.Crowd[0] = 0.39, 10
	many := waited(p, client.Unread, st, 0, 0.4)
	p.paused, v.Crowd[0] = 0, 1
	one := waited(p, client.Unread, st, 0, 0.4)
	p.paused, v.Crowd[0], v.Quiet[0] = 0, 10, 0.01
	busy := waited(p, client.Unread, st, 0, 0.4)
	if many < 0.3 || one > many/2 || busy > 0.2 {
		t.Errorf("silent with ten that wait %.2f, with one %.2f, not silent %.2f", many, one, busy)
	}
}

func TestEvidenceTooSoon(t *testing.T) {
	g := NewGate([]float64{0.020, 0.021, 0.022, 0.023, 0.3}, nil)
	st := &Step{What: NextWrite}
	if w := g.allows(st, 0.001, 0.02, false); w != 0 {
		t.Errorf("a give-up sooner than any reply came: %.2f", w)
	}
	if w := g.allows(st, 0.2, 0.3, false); w < 0.3 {
		t.Errorf("a give-up later than replies take: %.2f", w)
	}
	if w := g.allows(st, 1, 0.0205, true); w > 0.1 {
		t.Errorf("a reply in the usual time was given up unseen: %.2f", w)
	}
	quick := NewGate([]float64{0.0001, 0.0001, 0.0001, 0.0002}, nil)
	if w := quick.allows(st, 0.0005, 0.0006, false); w != 0 {
		t.Errorf("a deadline of half a millisecond: %.2f", w)
	}
	if w := g.allows(&Step{What: NextClose}, 0.001, 0.02, false); w != 1 {
		t.Errorf("a close needs no sign: %.2f", w)
	}
}

// A first give-up that left no sign needs one of its length that did, or a deadline near the usual time of a reply.
func TestEvidenceHiddenGiveUps(t *testing.T) {
	g := NewGate([]float64{0.0001, 0.0001, 0.0001, 0.0002}, nil)
	if w := g.hides(0.003); w > 1e-5 {
		t.Errorf("thirty times the usual time, where nobody was seen to give up: %.3g", w)
	}
	if w := g.hides(0.00011); w < 0.5 {
		t.Errorf("near the usual time: %.3g", w)
	}
	v := &View{}
	for range leastLevel {
		v.Steps = append(v.Steps, Step{N: 1, Have: true, Wait: 0.0001, What: NextWrite})
	}
	v.Steps = append(v.Steps, Step{N: 1, Wait: 0.3, Next: 0.2, What: NextWrite})
	g.Seen(v)
	if a, b := g.hides(0.21), g.hides(0.1); a != 1 || b > 1e-5 {
		t.Errorf("with a give-up at 200 ms: a reply at 210 ms %.3g, at 100 ms %.3g", a, b)
	}
	short := NewGate(g.Waits, nil)
	v.Steps = v.Steps[1:]
	if short.Seen(v); !math.IsInf(short.Shortest, 1) {
		t.Error("a connection of two calls is not known to be level")
	}
}

func TestEvidenceThinkTime(t *testing.T) {
	v, st := stepOf(0.3, 0.31)
	p := passOf(v)
	par := p.Params[client.Unread]
	if a, b := ThinkTime(par, st, 0.05), ThinkTime(par, st, 5); a < 10*b {
		t.Errorf("%.3g at the usual time, %.3g far beyond", a, b)
	}
	alone := wroteAgain(p, par, st, 0, 20)
	v.Quiet[0] = 0.29
	if silent := wroteAgain(p, par, st, 0, 20); silent < 2*alone {
		t.Errorf("a client that was silent goes on with the reply that ends it: %.3g, else %.3g", silent, alone)
	}
}

func TestEvidenceActs(t *testing.T) {
	p := passOf(&View{})
	p.Params[0].Writes[client.ActUnread] = 0.9
	write, shut := &Step{What: NextWrite}, &Step{What: NextClose}
	if acts(p.Params[0], client.Closes, write) > 0.01 || acts(p.Params[0], client.Keeps, write) != 0.9 {
		t.Error("a client that closes does not write")
	}
	if acts(p.Params[0], client.Closes, shut) < 0.4 {
		t.Error("a client that closes closes")
	}
}

func TestEvidenceChecks(t *testing.T) {
	v, st := stepOf(0.1, 0.2)
	h := &State{kind: client.Checks}
	if !unread(v, h, st, 0) || unread(v, &State{kind: client.Keeps}, st, 0) {
		t.Error("a reply that is there unread is found by a pool that checks, and by no other")
	}
	if checkedThen(st) > 0.1 || checkedThen(&Step{What: NextClose}) < 0.9 {
		t.Error("such a pool closes then")
	}
}

func TestEvidenceEnds(t *testing.T) {
	var none Terms
	par := &client.Params{Closing: [3]float64{0.01, 0.3, 0.5}}
	if closing(par, client.EndsOwn, none) != 0.01 || closing(par, client.EndsOdd, none) != 0.3 {
		t.Error("closes after another's reply are a rate of their own")
	}
	if closing(par, client.EndsOdd, none.With(TermEnds)) != 0.01 {
		t.Error("the switch does nothing")
	}
}

func TestEvidenceContent(t *testing.T) {
	v := &View{Type: []Type{Status, Bulk, Integer, Bulk}, At: make([]float64, 4), End: make([]int64, 4)}
	st := &Step{Own: 1, N: 3}
	if j := refused(v, st, 0); j != 0 {
		t.Errorf("a status where a bulk is due: %d", j)
	}
	if j := refused(v, st, 1); j != -1 {
		t.Errorf("its own replies: %d", j)
	}
	for _, c := range []struct {
		a, b Type
		want bool
	}{{Bulk, Null, false}, {Bulk, Failure, false}, {Opaque, Bulk, false}, {Integer, Bulk, true}} {
		if c.a.clashes(c.b) != c.want {
			t.Errorf("%d against %d", c.a, c.b)
		}
	}
}

func TestEvidenceGaps(t *testing.T) {
	v, st := stepOf(0.3, 0.005)
	p := passOf(v)
	shares(p, 0, &State{kind: client.Shares}, 0, st, 0.005)
	if len(p.branches) == 0 || p.branches[0].w <= 0 || p.branches[0].reads != 1 || p.branches[0].to != 1 {
		t.Errorf("%+v", p.branches)
	}
}

// Of two callers on a connection one writes while the other waits, at half the pace, and none while both wait.
func TestEvidenceCallers(t *testing.T) {
	v := &View{
		At: []float64{0.4, 0.4}, End: []int64{10, 20}, Type: []Type{Bulk, Bulk}, Quiet: []float32{0, 0}, Crowd: []uint16{0, 0}, Command: []int32{1, 2},
		Steps: []Step{{First: 0, Last: 0, Next: 0.1, Own: 0, N: 1, What: NextWrite}, {First: 0.1, Last: 0.1, Next: 0.6, Own: 1, N: 1, What: NextWrite, Have: true}},
	}
	near := func(x, want float64) bool { return math.Abs(x-want) < 0.1*want }
	if time, rate := v.free(0, 2); !near(time, 0.05) || !near(rate, 0.5) {
		t.Errorf("one of two waits: %v s, %v", time, rate)
	}
	if time, rate := v.free(1, 2); !near(time, 0.2+0.3*gone) || !near(rate, 1) {
		t.Errorf("both wait for 0.3 s of 0.5: %v s, %v", time, rate)
	}
	v.Steps[1].Next = 0.3
	if _, rate := v.free(1, 2); rate > 2*gone {
		t.Errorf("both wait: %v", rate)
	}
	if _, rate := v.free(1, 4); !near(rate, 0.5) {
		t.Errorf("two of four wait: %v", rate)
	}
}

func TestEvidenceHeldBack(t *testing.T) {
	v, st := stepOf(0.01, 0.05)
	p := passOf(v)
	for range 100 {
		p.Sizes.Add(1)
	}
	weight := func(n, held int32) float64 {
		st.N = n
		p.branches = append(p.branches[:0], branch{w: 1, op: opGaveUp})
		heldBack(p, 0, &State{kind: client.HoldsBack, held: held}, st, 0)
		return p.branches[0].w
	}
	if a, b, c := weight(2, 1), weight(1, 1), weight(1, 0); a < 50 || b > 0.1 || c != 1 {
		t.Errorf("two commands with one in memory %.3g, one with one in memory %.3g, one with none %.3g", a, b, c)
	}
}

func TestEvidenceLoss(t *testing.T) {
	in := []State{{kind: client.Keeps, Read: 4, w: 0.5}, {kind: client.Discards, Read: 5, w: 0.5}}
	out := spread(in, 5)
	sum := 0.0
	for _, s := range out {
		sum += s.w
	}
	if len(out) != 4 || math.Abs(sum-1) > 1e-9 || out[1].w != 0.5 {
		t.Errorf("%+v", out)
	}
}

// Calls that left together only because a loss held them back are several callers: any of them may have given up.
func TestEvidenceCoalescedCalls(t *testing.T) {
	v, st := stepOf(0.1, 0.2)
	v.At, v.End = []float64{0, 0.1, 0.1, 0.1}, []int64{1, 10, 10, 10}
	p := passOf(v)
	for range 200 {
		p.Sizes.Add(1)
	}
	st.N = 3
	keeps := &State{kind: client.Keeps}
	if !coalesced(p, keeps, st, -1) || coalesced(p, &State{kind: client.HoldsBack}, st, -1) || coalesced(p, &State{kind: client.Discards}, st, -1) {
		t.Error("three commands at once of a client that writes one: separate calls, but for who holds commands back")
	}
	if coalesced(p, keeps, st, st.Own) {
		t.Error("to a reader that is level there is one caller at a time")
	}
	apart(p, 0, st, 0, 0.2)
	if n := len(p.branches); n != 4 || p.branches[0].to != 3 || p.branches[3].to != 0 || p.branches[1].w >= p.branches[0].w {
		t.Errorf("%+v", p.branches)
	}
	for range 20 {
		p.Sizes.Add(3)
	}
	if coalesced(p, keeps, st, -1) {
		t.Error("a client that writes three at once")
	}
}

func TestEvidenceIgnorance(t *testing.T) {
	var h client.Hist
	for range 100 {
		h.Add(0.01, 1)
	}
	g := Ignorance{Usual: 0.001, Turn: client.NewDensity(&h, &h, 1)}
	_, st := stepOf(0.5, 3)
	before := g.Gone(st, 1, true)
	for range 50 {
		g.See(0.6, 1)
	}
	if after := g.Gone(st, 1, true); before < 0.2 || after > before/5 {
		t.Errorf("chance that nobody waited any more: %.3f, and %.3f once such waits were seen to be sat out", before, after)
	}
	if p := g.Gone(&Step{Wait: 0.0005}, 1, true); p != 0 {
		t.Errorf("a usual wait: %.3f", p)
	}
}

// What is known of the client decides where its traffic cannot.
func TestAKnownLibraryDecides(t *testing.T) {
	pi := client.Prior
	named, stated := WithKnown(&pi, &client.TakesTurns, 1), WithKnown(&pi, &client.TurnsStated, 1)
	for _, w := range []*[client.NumKinds]float64{&named, &stated} {
		if client.TurnsShare(w) < 0.99 || w[client.Shares] == 0 {
			t.Errorf("%v", *w)
		}
	}
	if named[client.Shares] < 1e5*stated[client.Shares] {
		t.Errorf("a name %v, the user %v: a name can be outweighed", named, stated)
	}
}

func TestOwed(t *testing.T) {
	p := &Pass{}
	owe(p, 3, 0.3)
	owe(p, 1, 0.25)
	owe(p, 1, 0.25)
	if n := owes(p, &Step{Own: 3}); n != 2 || len(p.starts) != 0 {
		t.Errorf("owed %d", n)
	}
}

// Two callers whose replies came together write together once; a batch after replies in turn is of one caller again.
func TestEvidenceTogether(t *testing.T) {
	v := &View{At: []float64{0.1, 0.1, 0.21, 0.21, 0.31, 0.41, 0.41}, Steps: []Step{
		{First: 0, Last: 0, Own: 0, N: 1}, {First: 0.05, Last: 0.05, Own: 1, N: 1}, // both wait
		{First: 0.2, Last: 0.2, Own: 2, N: 2}, // both
		{First: 0.3, Last: 0.3, Own: 4, N: 1}, // one
		{First: 0.4, Last: 0.4, Own: 5, N: 2}, // one, a batch
	}}
	v.Together()
	for i, want := range []int32{1, 1, 2, 1, 1} {
		if by := v.Steps[i].by(); by != want {
			t.Errorf("step %d is of %d callers, want %d", i, by, want)
		}
	}
}
