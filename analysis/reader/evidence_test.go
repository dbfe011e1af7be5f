package reader

import (
	"math"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/capture"
)

// seconds of a step that was written at 0, with its own reply at reply and the next write at next.
func stepOf(reply, next float64) (*view, *step) {
	v := &view{at: []float64{reply}, end: []int64{10}, typ: []Type{Bulk}, hash: []uint32{0}, quiet: []float32{0}, crowd: []uint16{0}, command: []int32{1}}
	st := &step{next: next, ack: 0, nextAck: 0, n: 1, index: 1, what: nextWrite, wait: reply, have: reply <= next}
	if st.have {
		st.nextAck = 10
	}
	return v, st
}

func passOf(v *view) *pass {
	var none client.Counts
	for i := range 100 {
		none.Think.Add(0.01*float64(i%10+1), 1)
	}
	p := &pass{v: v, o: &Options{}, gate: newGate([]float64{0.01, 0.02, 0.02, 0.03}, nil), sizes: &writeSizes{}}
	par := client.NewParams(&none, &client.Fit{})
	p.par = &[client.NumFamilies]*client.Params{par, par, par}
	var h client.Hazards
	h.StepEvents[0], h.StepRisk[0], h.Events = 20, 20, 20
	for i := range h.Risk {
		if client.CoarseEdge(i) < 0.2 {
			h.Risk[i] = 20
		}
	}
	for f := range p.pat {
		p.pat[f] = client.NewPatience([]float64{0.2}, &h, nil)
	}
	return p
}

func TestEvidencePatience(t *testing.T) {
	v, st := stepOf(0.1, 0.12)
	p := passOf(v)
	if a, b := waited(p, client.Unread, st, 0, 0.1), waited(p, client.Unread, st, 0, 0.4); a < 0.9 || b > 0.2 {
		t.Errorf("waited 100 ms %.2f, 400 ms %.2f, with a timeout of 200 ms", a, b)
	}
	st.blocking = true
	if a := waited(p, client.Unread, st, 0, 60); a != 1 {
		t.Errorf("a blocking command waits on the server: %.2f", a)
	}
}

func TestEvidencePause(t *testing.T) {
	v, st := stepOf(0.4, 0.41)
	p := passOf(v)
	v.quiet[0], v.crowd[0] = 0.39, 10
	many := waited(p, client.Unread, st, 0, 0.4)
	p.paused, v.crowd[0] = 0, 1
	one := waited(p, client.Unread, st, 0, 0.4)
	p.paused, v.crowd[0], v.quiet[0] = 0, 10, 0.01
	busy := waited(p, client.Unread, st, 0, 0.4)
	if many < 0.3 || one > many/2 || busy > 0.2 {
		t.Errorf("silent with ten that wait %.2f, with one %.2f, not silent %.2f", many, one, busy)
	}
}

func TestEvidenceTooSoon(t *testing.T) {
	g := newGate([]float64{0.020, 0.021, 0.022, 0.023, 0.3}, nil)
	st := &step{what: nextWrite}
	if w := g.allows(st, 0.001, 0.02, false); w != 0 {
		t.Errorf("a give-up sooner than any reply came: %.2f", w)
	}
	if w := g.allows(st, 0.2, 0.3, false); w < 0.3 {
		t.Errorf("a give-up later than replies take: %.2f", w)
	}
	if w := g.allows(st, 1, 0.0205, true); w > 0.1 {
		t.Errorf("a reply in the usual time was given up unseen: %.2f", w)
	}
	quick := newGate([]float64{0.0001, 0.0001, 0.0001, 0.0002}, nil)
	if w := quick.allows(st, 0.0005, 0.0006, false); w != 0 {
		t.Errorf("a deadline of half a millisecond: %.2f", w)
	}
	if w := g.allows(&step{what: nextClose}, 0.001, 0.02, false); w != 1 {
		t.Errorf("a close needs no sign: %.2f", w)
	}
}

// A first give-up that left no sign needs one of its length that did, or a deadline near the usual time of a reply.
func TestEvidenceHiddenGiveUps(t *testing.T) {
	g := newGate([]float64{0.0001, 0.0001, 0.0001, 0.0002}, nil)
	if w := g.hides(0.003); w > 1e-5 {
		t.Errorf("thirty times the usual time, where nobody was seen to give up: %.3g", w)
	}
	if w := g.hides(0.00011); w < 0.5 {
		t.Errorf("near the usual time: %.3g", w)
	}
	v := &view{c: &Conn{}}
	for range leastLevel {
		v.steps = append(v.steps, step{n: 1, have: true, wait: 0.0001, what: nextWrite})
	}
	v.steps = append(v.steps, step{n: 1, wait: 0.3, next: 0.2, what: nextWrite})
	g.seen(v)
	if a, b := g.hides(0.21), g.hides(0.1); a != 1 || b > 1e-5 {
		t.Errorf("with a give-up at 200 ms: a reply at 210 ms %.3g, at 100 ms %.3g", a, b)
	}
	short := newGate(g.waits, nil)
	v.steps = v.steps[1:]
	if short.seen(v); !math.IsInf(short.shortest, 1) {
		t.Error("a connection of two calls is not known to be level")
	}
}

func TestEvidenceThinkTime(t *testing.T) {
	v, st := stepOf(0.3, 0.31)
	p := passOf(v)
	par := p.par[client.Unread]
	if a, b := thinkTime(par, st, 0.05), thinkTime(par, st, 5); a < 10*b {
		t.Errorf("%.3g at the usual time, %.3g far beyond", a, b)
	}
	alone := wroteAgain(p, par, st, 0, 20)
	v.quiet[0] = 0.29
	if silent := wroteAgain(p, par, st, 0, 20); silent < 2*alone {
		t.Errorf("a client that was silent goes on with the reply that ends it: %.3g, else %.3g", silent, alone)
	}
}

func TestEvidenceActs(t *testing.T) {
	p := passOf(&view{})
	p.par[0].Writes[client.ActUnread] = 0.9
	write, shut := &step{what: nextWrite}, &step{what: nextClose}
	if acts(p.par[0], client.Closes, write) > 0.01 || acts(p.par[0], client.Keeps, write) != 0.9 {
		t.Error("a client that closes does not write")
	}
	if acts(p.par[0], client.Closes, shut) < 0.4 {
		t.Error("a client that closes closes")
	}
}

func TestEvidenceChecks(t *testing.T) {
	v, st := stepOf(0.1, 0.2)
	h := &state{kind: client.Checks}
	if !unread(v, h, st, 0) || unread(v, &state{kind: client.Keeps}, st, 0) {
		t.Error("a reply that is there unread is found by a pool that checks, and by no other")
	}
	if checkedThen(st) > 0.1 || checkedThen(&step{what: nextClose}) < 0.9 {
		t.Error("such a pool closes then")
	}
}

func TestEvidenceEnds(t *testing.T) {
	o := &Options{}
	par := &client.Params{Closing: [3]float64{0.01, 0.3, 0.5}}
	if closing(par, client.EndsOwn, o) != 0.01 || closing(par, client.EndsOdd, o) != 0.3 {
		t.Error("closes after another's reply are a rate of their own")
	}
	o.Without = o.Without.With(TermEnds)
	if closing(par, client.EndsOdd, o) != 0.01 {
		t.Error("the switch does nothing")
	}
}

func TestEvidenceContent(t *testing.T) {
	v := &view{typ: []Type{Status, Bulk, Integer, Bulk}, at: make([]float64, 4), end: make([]int64, 4)}
	st := &step{own: 1, n: 3}
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
	shares(p, 0, 0, st, 0.005)
	if len(p.branches) == 0 || p.branches[0].w <= 0 || p.branches[0].reads != 1 || p.branches[0].to != 1 {
		t.Errorf("%+v", p.branches)
	}
}

func TestEvidenceHeldBack(t *testing.T) {
	v, st := stepOf(0.01, 0.05)
	p := passOf(v)
	for range 100 {
		p.sizes.add(1)
	}
	weight := func(n, held int32) float64 {
		st.n = n
		p.branches = append(p.branches[:0], branch{w: 1, op: opGaveUp})
		heldBack(p, 0, &state{kind: client.HoldsBack, held: held}, st, 0)
		return p.branches[0].w
	}
	if a, b, c := weight(2, 1), weight(1, 1), weight(1, 0); a < 50 || b > 0.1 || c != 1 {
		t.Errorf("two commands with one in memory %.3g, one with one in memory %.3g, one with none %.3g", a, b, c)
	}
}

func TestEvidenceLoss(t *testing.T) {
	in := []state{{client.Keeps, 4, 0, 0.5}, {client.Discards, 5, 0, 0.5}}
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
	v.at, v.end = []float64{0, 0.1, 0.1, 0.1}, []int64{1, 10, 10, 10}
	p := passOf(v)
	for range 200 {
		p.sizes.add(1)
	}
	st.n = 3
	keeps := &state{kind: client.Keeps}
	if !coalesced(p, keeps, st, -1) || coalesced(p, &state{kind: client.HoldsBack}, st, -1) || coalesced(p, &state{kind: client.Discards}, st, -1) {
		t.Error("three commands at once of a client that writes one: separate calls, but for who holds commands back")
	}
	if coalesced(p, keeps, st, st.own) {
		t.Error("to a reader that is level there is one caller at a time")
	}
	apart(p, 0, st, 0, 0.2)
	if n := len(p.branches); n != 4 || p.branches[0].to != 3 || p.branches[3].to != 0 || p.branches[1].w >= p.branches[0].w {
		t.Errorf("%+v", p.branches)
	}
	for range 20 {
		p.sizes.add(3)
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
	g := ignorance{usual: 0.001, turn: client.NewDensity(&h, &h, 1)}
	_, st := stepOf(0.5, 3)
	before := g.gone(st, 1, true)
	for range 50 {
		g.see(0.6, 1)
	}
	if after := g.gone(st, 1, true); before < 0.2 || after > before/5 {
		t.Errorf("chance that nobody waited any more: %.3f, and %.3f once such waits were seen to be sat out", before, after)
	}
	if p := g.gone(&step{wait: 0.0005}, 1, true); p != 0 {
		t.Errorf("a usual wait: %.3f", p)
	}
}

func TestBurstsOfClosesAreOneCause(t *testing.T) {
	w := &who{open: 6}
	var last *burst
	for i := range 5 {
		last = w.closes(capture.Time(i) * capture.Time(time.Millisecond))
	}
	if !last.common() {
		t.Error("five of six at once")
	}
	w = &who{open: 100}
	if w.closes(0).common() {
		t.Error("one of a hundred")
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		p    float64
		want Word
	}{{1, Strong}, {0.97, Strong}, {0.9, Likely}, {0.6, Possible}, {0.5, Unknown}} {
		if w := WordOf(c.p); w != c.want {
			t.Errorf("%v is %v", c.p, w)
		}
	}
	for _, c := range []struct {
		gain, whole float64
		want        Word
	}{{6, 0, Strong}, {0, 12, Strong}, {4, 0, Likely}, {1, 2, Possible}} {
		if w := accusation(Strong, c.gain, c.whole); w != c.want {
			t.Errorf("gain %v, whole %v: %v", c.gain, c.whole, w)
		}
	}
}
