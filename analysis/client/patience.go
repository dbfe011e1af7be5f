package client

import "math"

// Patience is how long callers wait before they give up: a few fixed timeouts (steps), and a slope for cancellations of
// all lengths. Of a population without give-ups it is nearly flat.
type Patience struct {
	Steps []Step
	hz    Hist                   // of the slope: the chance to give up inside a coarse bin
	surv  [NumCoarse + 1]float64 // chance to wait longer than a bin's lower edge
	slope Hist                   // chance to give up inside a bin by the slope
	risk  Hist                   // waits at risk, of which hz is made
	once  float64                // how often the connection's own observations are counted
}

// Step is a fixed timeout: Chance is that of giving up there by whoever still waits.
type Step struct {
	T      float64 // lower edge of its fine bin, s
	Chance float64
	Seen   float64 // give-ups that it explains
	risk   float64
}

// Timers fire at their time or up to a few per cent late (Linux rounds long timers by up to 1/8 of their level's clock,
// runtimes add their own): the share of each of the fine bins from that of T on, and the one below for rounding.
var late = [...]float64{0.1, 0.35, 0.35, 0.15, 0.05}

const lateFrom = -1

// band returns the bounds of the o-th part of a step.
func (s *Step) band(o int) (lo, hi float64) {
	i := Fine(s.T) + lateFrom + o
	return FineEdge(i), FineEdge(i + 1)
}

// Latest is the longest wait that a step explains, s.
func (s *Step) Latest() float64 { _, hi := s.band(len(late) - 1); return hi }

// passed returns the share of a step that lies before w.
func (s *Step) passed(w float64) (p float64) {
	if w >= s.T*1.2 {
		return 1
	}
	for o, share := range late {
		lo, hi := s.band(o)
		if w >= hi {
			p += share
		} else if w > lo {
			p += share * (w - lo) / (hi - lo)
		}
	}
	return p
}

// Evidence of give-ups is held as Hazards: numbers of events and of waits at risk, from which Patience is made.
type Hazards struct {
	StepEvents, StepRisk [MaxSteps]float64
	Slope, Risk          Hist // events by the slope, smoothed; waits at risk on average in each bin
	Events               float64
}

// baseHazard is the chance that somebody gives up for a reason of its own, over all lengths of waiting.
const baseHazard = 0.5

// priorRisk is how many waits are taken to have been sat out before the first.
const priorRisk = 1

// NewPatience makes the patience of one connection: its population's hazards, weighed down to at most lambda give-ups,
// and its own. With them processes of different timeouts behind one address come apart.
func NewPatience(steps []float64, pop, own *Hazards) *Patience {
	const lambda = 10
	k := 1.0
	if own != nil && pop.Events > lambda {
		k = lambda / pop.Events
	}
	p := &Patience{once: k}
	if own != nil {
		p.once++
	}
	for j, t := range steps {
		ev, risk := k*pop.StepEvents[j], k*(pop.StepRisk[j]+priorRisk)
		if own != nil {
			ev += own.StepEvents[j]
			risk += own.StepRisk[j]
		}
		p.Steps = append(p.Steps, Step{T: t, Chance: min(ev/risk, 0.995), Seen: ev, risk: risk})
	}
	for i := range p.hz {
		ev, risk := k*(pop.Slope[i]+baseHazard/NumCoarse), k*(pop.Risk[i]+priorRisk)
		if own != nil {
			ev += own.Slope[i]
			risk += own.Risk[i]
		}
		p.risk[i] = risk
		p.hz[i] = min(ev/risk, 0.995)
	}
	p.build()
	return p
}

// build fills the tables.
func (p *Patience) build() {
	s := 1.0 // by the slope alone
	for i := range p.hz {
		e := edges[i]
		p.surv[i] = s * p.steps(e)
		p.slope[i] = p.surv[i] * p.hz[i]
		s *= 1 - p.hz[i]
	}
	p.surv[NumCoarse] = s * p.steps(edges[NumCoarse])
}

// steps returns the chance that no step ended a wait by w.
func (p *Patience) steps(w float64) float64 {
	s := 1.0
	for i := range p.Steps {
		if w > p.Steps[i].T*0.97 {
			s *= 1 - p.Steps[i].Chance*p.Steps[i].passed(w)
		}
	}
	return s
}

// Survive returns the chance that a caller still waits after w.
func (p *Patience) Survive(w float64) float64 {
	if w < 0x1p-16 {
		return 1
	}
	if w == math.Inf(1) {
		return p.surv[NumCoarse]
	}
	i := Coarse(w)
	st := p.steps(edges[i])
	if st <= 0 {
		return 0
	}
	part := (min(w, edges[i+1]) - edges[i]) / widths[i]
	return p.surv[i] / st * (1 - p.hz[i]*part) * p.steps(w)
}

// GaveUp returns the density of: gave up somewhere in (lo, hi) after writing, and the next sign of life came x after
// writing, turn after the give-up. What self contributed to the estimate is left out: an observation is no witness for
// itself.
func (p *Patience) GaveUp(x, lo, hi float64, turn *Density, self *Share) float64 {
	hi = min(hi, x)
	if hi <= lo || hi < 0x1p-16 {
		return 0
	}
	sum := 0.0
	for j := range p.Steps {
		st := &p.Steps[j]
		if st.T*1.2 < lo || st.T*0.97 > hi {
			continue
		}
		ch := st.Chance
		if self != nil {
			ch = max(ch-p.once*self.Steps[j]/st.risk, 0)
		}
		if ch == 0 {
			continue
		}
		w := p.before(j) * ch
		for o, share := range late {
			a, b := st.band(o)
			a0, b0 := max(a, lo), min(b, hi)
			if b0 <= a0 {
				continue
			}
			sum += w * share * (turn.CDF(x-a0) - turn.CDF(x-b0)) / (b - a)
		}
	}
	i, j := Coarse(lo), Coarse(hi)
	ca := turn.CDF(x - max(lo, edges[i]))
	for ; i <= j; i++ {
		a, b := max(lo, edges[i]), min(hi, edges[i+1])
		if b <= a {
			continue
		}
		cb := turn.CDF(x - b)
		f := p.slope[i]
		if self != nil {
			f = max(f-p.surv[i]*p.once*self.Slope[i]/p.risk[i], p.surv[i]*baseHazard/NumCoarse/p.risk[i])
		}
		sum += f * (ca - cb) / widths[i]
		ca = cb
	}
	return sum
}

// Idle returns the chance to give up between lo and hi, and to go on later than hi only.
func (p *Patience) Idle(lo, hi float64, turn *Density) (sum float64) {
	for i, j := Coarse(lo), Coarse(hi); i <= j; i++ {
		a, b := max(lo, edges[i]), min(hi, edges[i+1])
		if b > a {
			sum += p.Between(a, b) * (1 - turn.CDF(hi-(a+b)/2))
		}
	}
	return sum
}

// before is the chance to reach step j.
func (p *Patience) before(j int) float64 {
	t := p.Steps[j].T
	i := Coarse(t)
	s := p.surv[i]
	if st := p.steps(edges[i]); st > 0 {
		s /= st
	}
	for k := range p.Steps {
		if k != j {
			s *= 1 - p.Steps[k].Chance*p.Steps[k].passed(t)
		}
	}
	return s
}

// Between returns the chance to give up between lo and hi.
func (p *Patience) Between(lo, hi float64) float64 { return max(0, p.Survive(lo)-p.Survive(hi)) }

// Share is what one observation contributed to the hazards.
type Share struct {
	Steps [MaxSteps]float64
	Slope Hist // smoothed
}
