package client

import (
	"math"
	"math/rand"
	"testing"
)

// population makes samples of connections whose callers wait as patience says, among waits for replies of up to a second;
// turnaround is 2 ms on average.
func synthetic(conns, calls int, patience func(r *rand.Rand, conn int) float64) ([]float64, []*Sample) {
	r := rand.New(rand.NewSource(1))
	var c Counts
	var list []*Sample
	for n := range conns {
		s := &Sample{}
		for i := range calls {
			reply := 0.001 * r.ExpFloat64()
			if r.Intn(10) == 0 {
				reply = r.Float64()
			}
			t := patience(r, n)
			if reply <= t {
				c.AddWait(reply, 1)
				s.Waits = append(s.Waits, Wait{reply, 1})
				continue
			}
			gap := t + 0.002*r.ExpFloat64()
			s.GiveUps = append(s.GiveUps, GiveUp{Weight: 1, Hi: math.Min(reply, gap), Gap: gap, Written: true, Step: int32(i)})
		}
		list = append(list, s)
	}
	return c.Waits, list
}

func fitted(conns, calls int, patience func(r *rand.Rand, conn int) float64) (*Fit, []*Sample) {
	waits, list := synthetic(conns, calls, patience)
	var turn [2]Hist
	FitPatience(waits, list, &Uninformed, &turn)
	d := NewDensity(&turn[TurnUse], &flat, 2)
	return FitPatience(waits, list, &Turnaround{d, d}, nil), list
}

func TestFixedTimeoutIsAStep(t *testing.T) {
	for _, want := range []float64{0.05, 0.2, 0.3} {
		f, _ := fitted(5, 200, func(*rand.Rand, int) float64 { return want })
		if len(f.Steps) == 0 || f.Steps[0] < want*0.97 || f.Steps[0] > want*1.02 {
			t.Errorf("steps %v, want %v", f.Steps, want)
			continue
		}
		for _, s := range f.Steps { // the spread of the turnaround may look like a neighbour
			if s < want*0.9 || s > want*1.1 {
				t.Errorf("steps %v, want %v", f.Steps, want)
			}
		}
		p := NewPatience(f.Steps, &f.Pop, nil)
		if s := p.Survive(want * 0.9); s < 0.95 {
			t.Errorf("T %v: %.3f still wait shortly before it", want, s)
		}
		if s := p.Survive(want * 1.1); s > 0.1 {
			t.Errorf("T %v: %.3f still wait after it", want, s)
		}
	}
}

func TestTwoTimeoutsBehindOneAddress(t *testing.T) {
	f, list := fitted(8, 200, func(_ *rand.Rand, conn int) float64 { return []float64{0.1, 0.5}[conn%2] })
	if len(f.Steps) != 2 {
		t.Fatalf("steps %v", f.Steps)
	}
	short := NewPatience(f.Steps, &f.Pop, &list[0].Own)
	long := NewPatience(f.Steps, &f.Pop, &list[1].Own)
	if a, b := short.Survive(0.2), long.Survive(0.2); a > 0.4 || b < 0.6 {
		t.Errorf("still waiting after 200 ms: %.2f of the impatient, %.2f of the patient", a, b)
	}
}

func TestCancellationsAreASlope(t *testing.T) {
	f, _ := fitted(5, 400, func(r *rand.Rand, _ int) float64 {
		if r.Intn(3) > 0 {
			return 10
		}
		return 0.005 + 0.2*r.Float64()
	})
	if len(f.Steps) > 1 {
		t.Errorf("steps %v of calls cancelled after all kinds of times", f.Steps)
	}
	p := NewPatience(f.Steps, &f.Pop, nil)
	if s := p.Survive(0.3); s < 0.5 || s > 0.85 {
		t.Errorf("%.2f still wait after 300 ms, want about 2/3", s)
	}
	if a, b := p.Survive(0.003), p.Survive(0.1); a < b+0.1 {
		t.Errorf("no slope: %.2f after 3 ms, %.2f after 100 ms", a, b)
	}
}

func TestNobodyGivesUp(t *testing.T) {
	f, _ := fitted(5, 100, func(*rand.Rand, int) float64 { return 1e9 })
	p := NewPatience(f.Steps, &f.Pop, nil)
	if s := p.Survive(0.9); len(f.Steps) > 0 || s < 0.97 {
		t.Errorf("steps %v, %.3f still wait after 0.9 s", f.Steps, s)
	}
}

// An observation is no witness for itself: a give-up that nobody else shares is as likely as the base says.
func TestAnEventIsNoWitnessForItself(t *testing.T) {
	f, list := fitted(3, 100, func(r *rand.Rand, conn int) float64 {
		if conn == 0 && r.Intn(50) == 0 {
			return 0.04
		}
		return 1e9
	})
	for _, s := range list {
		if len(s.GiveUps) != 1 {
			continue
		}
		p := NewPatience(f.Steps, &f.Pop, &s.Own)
		g := s.GiveUps[0]
		with, without := p.GaveUp(g.Gap, 0, g.Hi, Uninformed[TurnUse], nil), p.GaveUp(g.Gap, 0, g.Hi, Uninformed[TurnUse], s.Share(g.Step))
		if without > with/2 {
			t.Errorf("likelihood %.3g with its own contribution, %.3g without", with, without)
		}
	}
}

func TestDensityIsOne(t *testing.T) {
	var h Hist
	for i := range 100 {
		h.Add(0.001*float64(i+1), 1)
	}
	d := NewDensity(&h, &flat, 2)
	if z := d.CDF(250); math.Abs(z-1) > 0.1 {
		t.Errorf("integral %.3f", z)
	}
	if a, b := d.At(0.05), d.At(5); a < 20*b {
		t.Errorf("density %.3g where it was seen, %.3g where not", a, b)
	}
	for _, x := range []float64{1e-6, 3e-4, 0.05, 7} {
		i := Coarse(x)
		if x < CoarseEdge(i) || x >= CoarseEdge(i+1) {
			t.Errorf("%g in bin %d [%g, %g)", x, i, CoarseEdge(i), CoarseEdge(i+1))
		}
		if j := Fine(x); x > 2e-5 && (x < FineEdge(j) || x >= FineEdge(j+1)) {
			t.Errorf("%g in fine bin %d", x, j)
		}
	}
}

func TestKindMix(t *testing.T) {
	keeps := [NumKinds]float64{Keeps: 0, Closes: -4, Checks: -4, Discards: -4, Forgets: -4, Shares: -4, HoldsBack: -4}
	unsure := [NumKinds]float64{Keeps: -0.5, Discards: -0.2}
	pi := NewKindMix(nil, [][NumKinds]float64{keeps, keeps, keeps, keeps, unsure}, &Prior).All()
	if pi[Keeps] < 0.9 {
		t.Errorf("four that keep and one that cannot be told: %.2f keep", pi[Keeps])
	}
	shares := [NumKinds]float64{Shares: 0, Keeps: -8, Closes: -8, Checks: -8, Discards: -8, Forgets: -8, HoldsBack: -8}
	list := [][NumKinds]float64{keeps, keeps, keeps, keeps, shares, shares, shares, shares}
	posts := make([][NumKinds]float64, len(list))
	for i := range posts {
		posts[i][Keeps], posts[i][Shares] = float64((i/4+1)%2), float64(i/4)
	}
	mix := NewKindMix(posts, list, &Prior)
	pi = mix.All()
	if pi[Keeps] < 0.2 || pi[Shares] < 0.2 {
		t.Errorf("a mixture: %.2f keep, %.2f share", pi[Keeps], pi[Shares])
	}
	if one := NewKindMix(posts[:1], list[:1], &Prior).Others(0); one[Keeps] > Prior[Keeps]/3 {
		t.Errorf("a connection is a witness for itself: %.2f keep", one[Keeps])
	}
	if o := mix.Others(0); o[Keeps] >= pi[Keeps] {
		t.Errorf("without one that keeps %.3f keep, with it %.3f", o[Keeps], pi[Keeps])
	}
}
