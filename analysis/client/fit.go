package client

import (
	"cmp"
	"math"
	"slices"
)

// MaxSteps is how many fixed timeouts are told apart in one population.
const MaxSteps = 3

// maxGiveUps bounds the give-ups of one population that its patience is estimated from, the most certain first;
// maxSearched those among which steps are looked for.
const (
	maxGiveUps  = 1200
	maxSearched = 300
)

// Sample is what one connection showed of its patience in one reading of it.
type Sample struct {
	Waits   []Wait
	GiveUps []GiveUp
	// Own and shares are filled in by FitPatience. shares holds those of one step of the connection together.
	Own    Hazards
	shares []stepShare
}

type stepShare struct {
	step  int32
	share Share
}

// Share returns what the given step of the connection contributed, or nil.
func (s *Sample) Share(step int32) *Share {
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.shares, step, func(x stepShare, at int32) int { return int(x.step) - int(at) })
	if !ok {
		return nil
	}
	return &s.shares[i].share
}

// Fit is the patience of a population: its steps and hazards.
type Fit struct {
	Steps []float64
	Pop   Hazards
}

// slopeKernel smooths the slope of patience by about a quarter of the length.
var slopeKernel = gaussian(1.3)

// giveUp is a give-up while its patience is estimated.
type giveUp struct {
	*GiveUp
	owner int
	first int       // coarse bin of dens[0] and part[0]
	dens  []float64 // density of the turnaround if it gave up in that bin
	part  []float64 // the chance of each bin, summing to Weight
	base  float64   // density by the slope
	mix   float64   // … and by the steps
	steps [MaxSteps]float64
}

// FitPatience estimates the patience of a population, and what each connection says of its own.
//
//  1. A give-up is seen only as the next sign of life, Gap after the write: patience plus turnaround. The slope alone is
//     fitted first, each observation without its own contribution.
//  2. Steps are then found one by one: each must explain what slope and earlier steps leave unexplained by more than
//     chance, log(candidates) + 2.
//  3. What the steps explain of each give-up is theirs, the rest is the slope's.
func FitPatience(answered []float64, samples []*Sample, turn *Turnaround, learnTurn *[2]Hist) *Fit {
	f := &Fit{}
	risk := riskOf(answered)
	list := collect(samples, turn)
	if len(list) == 0 {
		f.Pop.Risk = risk
		for _, s := range samples {
			s.Own = Hazards{}
			s.shares = s.shares[:0]
			ownRisk(&s.Own, s.Waits, nil)
		}
		return f
	}
	fitSlope(list, &risk)
	later := suffix(answered)
	search(f, list, turn, later)
	f.share(list, samples, turn, &risk, later, learnTurn)
	return f
}

// collect lists the give-ups of all samples with their densities, the most certain first.
func collect(samples []*Sample, turn *Turnaround) []giveUp {
	n := 0
	for _, s := range samples {
		n += len(s.GiveUps)
	}
	type place struct{ owner, at int32 }
	all := make([]place, 0, n)
	for o, s := range samples {
		for i := range s.GiveUps {
			all = append(all, place{int32(o), int32(i)})
		}
	}
	slices.SortStableFunc(all, func(a, b place) int {
		return cmp.Compare(samples[b.owner].GiveUps[b.at].Weight, samples[a.owner].GiveUps[a.at].Weight)
	})
	list := make([]giveUp, min(len(all), maxGiveUps))
	for i := range list {
		g := &list[i]
		*g = giveUp{GiveUp: &samples[all[i].owner].GiveUps[all[i].at], owner: int(all[i].owner)}
		hi, d := min(g.Hi, g.Gap), turn.of(g.GiveUp)
		g.first = Coarse(g.Lo)
		last := Coarse(hi)
		buf := make([]float64, 2*(last-g.first+1))
		g.dens, g.part = buf[:last-g.first+1], buf[last-g.first+1:]
		for c := g.first; c <= last; c++ {
			a, b := max(g.Lo, edges[c]), min(hi, edges[c+1])
			if b > a {
				g.dens[c-g.first] = (d.CDF(g.Gap-a) - d.CDF(g.Gap-b)) / widths[c]
			}
		}
	}
	return list
}

// riskOf returns how many answered waits were longer than each coarse bin, on average over it.
func riskOf(answered []float64) (r Hist) {
	if answered == nil {
		return
	}
	n := 0.0
	const per = 16 // fine bins of a coarse one
	for c := NumCoarse - 1; c >= 0; c-- {
		from := (c+coarseFirst)<<4 - fineFirst
		sum := 0.0
		for i := from + per - 1; i >= from; i-- {
			if i >= 0 && i < len(answered) {
				sum += n + answered[i]/2
				n += answered[i]
			} else {
				sum += n
			}
		}
		r[c] = sum / per
	}
	return
}

// suffix returns how many answered waits lie above each fine bin.
func suffix(answered []float64) []float64 {
	s := make([]float64, NumFine+1)
	for i := len(answered) - 1; i >= 0; i-- {
		s[i] = s[i+1] + answered[i]
	}
	return s
}

// fitSlope finds where the give-ups lie if there are no steps.
func fitSlope(list []giveUp, risk *Hist) {
	for i := range list {
		g := &list[i]
		sum := 0.0
		for c, d := range g.dens {
			g.part[c] = d / max(centers[g.first+c], 1e-9) * widths[g.first+c]
			sum += g.part[c]
		}
		scale(g.part, g.Weight, sum)
	}
	var total, smoothed, at, own Hist
	for range 3 {
		total = Hist{}
		for i := range list {
			for c, v := range list[i].part {
				total[list[i].first+c] += v
			}
		}
		at = *risk
		n := 0.0
		for c := NumCoarse - 1; c >= 0; c-- {
			n += total[c]
			at[c] += n + priorRisk
		}
		smooth(&smoothed, &total, slopeKernel)
		for i := range list {
			g := &list[i]
			g.smoothOwn(&own)
			sum := 0.0
			for c, d := range g.dens {
				k := g.first + c
				hz := max((smoothed[k]-own[k])/at[k], baseHazard/NumCoarse/at[k])
				g.part[c] = hz * d
				sum += g.part[c]
			}
			g.base = sum
			scale(g.part, g.Weight, sum)
		}
	}
}

// smoothOwn smooths the parts of one give-up, over the bins that matter for it.
func (g *giveUp) smoothOwn(out *Hist) {
	half := len(slopeKernel) / 2
	for c := range g.dens {
		out[g.first+c] = 0
	}
	for c, v := range g.part {
		if v == 0 {
			continue
		}
		for j, w := range slopeKernel {
			if at := c + j - half; at >= 0 && at < len(g.part) {
				out[g.first+at] += v * w
			}
		}
	}
}

func scale(v []float64, to, sum float64) {
	if sum <= 0 {
		for i := range v {
			v[i] = to / float64(len(v))
		}
		return
	}
	for i := range v {
		v[i] *= to / sum
	}
}

// stepDensity is the density of the give-up if it was by a step at the fine bin t.
func (g *giveUp) stepDensity(t int, turns *Turnaround) (d float64) {
	hi, turn := min(g.Hi, g.Gap), turns.of(g.GiveUp)
	for o, share := range late {
		a, b := FineEdge(t+lateFrom+o), FineEdge(t+lateFrom+o+1)
		a0, b0 := max(a, g.Lo), min(b, hi)
		if b0 > a0 {
			d += share * (turn.CDF(g.Gap-a0) - turn.CDF(g.Gap-b0)) / (b - a)
		}
	}
	return d
}

// search finds the steps.
func search(f *Fit, list []giveUp, turn *Turnaround, later []float64) {
	some := list[:min(len(list), maxSearched)]
	factor := 1.0
	if len(list) > len(some) {
		all, part := 0.0, 0.0
		for i := range list {
			all += list[i].Weight
			if i < len(some) {
				part += list[i].Weight
			}
		}
		factor = all / part
	}
	var cand []int
	for i := range some {
		for d := range 8 {
			if t := Fine(some[i].Gap) - d; t > 0 {
				cand = append(cand, t)
			}
		}
	}
	slices.Sort(cand)
	cand = slices.Compact(cand)
	dens := make([]float64, len(cand)*len(some))
	for k, t := range cand {
		for i := range some {
			dens[k*len(some)+i] = some[i].stepDensity(t, turn)
		}
	}
	for i := range list {
		list[i].mix = list[i].base
	}
	for range MaxSteps {
		best, bestGain, bestP := -1, math.Log(float64(len(cand)))+2, 0.0
		for k, t := range cand {
			if slices.ContainsFunc(f.Steps, func(u float64) bool { return abs(Fine(u)-t) <= len(late) }) {
				continue // the same timer
			}
			row := dens[k*len(some) : (k+1)*len(some)]
			surv := later[min(t+4, NumFine)]
			p := 0.7
			for range 3 {
				e := 0.0
				for i, h := range row {
					if h > 0 {
						e += some[i].Weight * p * h / (p*h + some[i].mix + 1e-300)
					}
				}
				p = (e*factor + 0.5) / (e*factor + surv + 1)
			}
			gain := surv * math.Log(max(1e-9, 1-p))
			for i, h := range row {
				if h > 0 {
					gain += factor * some[i].Weight * math.Log((p*h+some[i].mix+1e-30)/(some[i].mix+1e-30))
				}
			}
			if gain > bestGain {
				best, bestGain, bestP = k, gain, p
			}
		}
		if best < 0 {
			break
		}
		j := len(f.Steps)
		f.Steps = append(f.Steps, FineEdge(cand[best]))
		for i := range list {
			g := &list[i]
			g.steps[j] = bestP * g.stepDensity(cand[best], turn)
			g.mix += g.steps[j]
		}
	}
}

// share distributes the give-ups among steps and slope, for the population and for each connection.
func (f *Fit) share(list []giveUp, samples []*Sample, turn *Turnaround, risk *Hist, later []float64, learnTurn *[2]Hist) {
	for _, s := range samples {
		s.Own = Hazards{}
		s.shares = s.shares[:0]
	}
	slices.SortStableFunc(list, func(a, b giveUp) int {
		if a.owner != b.owner {
			return a.owner - b.owner
		}
		return int(a.Step) - int(b.Step)
	})
	var events Hist // by the slope, where they lie
	pop := &f.Pop
	var own Hist
	owner := -1
	flush := func() {
		if owner >= 0 {
			ownRisk(&samples[owner].Own, samples[owner].Waits, f.Steps)
			addEventRisk(&samples[owner].Own, &own, f.Steps)
			smooth(&samples[owner].Own.Slope, &own, slopeKernel)
		}
	}
	done := make([]bool, len(samples))
	for i := range list {
		g := &list[i]
		if g.owner != owner {
			flush()
			owner, own = g.owner, Hist{}
			done[owner] = true
		}
		s := samples[owner]
		var sh *Share
		if n := len(s.shares); n > 0 && s.shares[n-1].step == g.Step {
			sh = &s.shares[n-1].share
		} else {
			s.shares = append(s.shares, stepShare{step: g.Step})
			sh = &s.shares[len(s.shares)-1].share
		}
		learns := -1
		switch {
		case learnTurn == nil:
		case g.Ended:
			learns = TurnEnd
		case g.Written:
			learns = TurnUse
		}
		mix := g.mix + 1e-300
		left := g.base / mix
		half := len(slopeKernel) / 2
		for c, v := range g.part {
			v *= left
			own[g.first+c] += v
			events[g.first+c] += v
			for j, w := range slopeKernel {
				if at := g.first + c + j - half; at >= 0 && at < NumCoarse {
					sh.Slope[at] += v * w
				}
			}
			if learns >= 0 && v > 0 {
				learnTurn[learns].Add(max(g.Gap-centers[g.first+c], 0x1p-20), v)
			}
		}
		for j := range f.Steps {
			r := g.Weight * g.steps[j] / mix
			sh.Steps[j] += r
			s.Own.StepEvents[j] += r
			pop.StepEvents[j] += r
			if learns >= 0 && r > 0 {
				learnTurn[learns].Add(max(g.Gap-f.Steps[j]*1.01, 0x1p-20), r)
			}
		}
		s.Own.Events += g.Weight
		pop.Events += g.Weight
	}
	flush()
	for o, s := range samples {
		if !done[o] {
			ownRisk(&s.Own, s.Waits, f.Steps)
		}
	}
	pop.Risk = *risk
	for j, t := range f.Steps {
		pop.StepRisk[j] = later[min(Fine(t)+4, NumFine)]
	}
	addEventRisk(pop, &events, f.Steps)
	smooth(&pop.Slope, &events, slopeKernel)
}

// ownRisk counts the answered waits of one connection.
func ownRisk(h *Hazards, waits []Wait, steps []float64) {
	var n Hist
	for _, w := range waits {
		c := Coarse(w.Length)
		part := (w.Length - edges[c]) / widths[c]
		h.Risk[c] += w.Weight * part
		n[c] += w.Weight
		for j, t := range steps {
			if Fine(w.Length) >= Fine(t)+4 {
				h.StepRisk[j] += w.Weight
			}
		}
	}
	above := 0.0
	for c := NumCoarse - 1; c >= 0; c-- {
		h.Risk[c] += above
		above += n[c]
	}
}

// addEventRisk adds the give-ups to the waits at risk: who gave up later was at risk until then.
func addEventRisk(h *Hazards, slope *Hist, steps []float64) {
	above := 0.0
	var byStep Hist
	for j, t := range steps {
		byStep[Coarse(t)] += h.StepEvents[j]
	}
	for c := NumCoarse - 1; c >= 0; c-- {
		above += slope[c] + byStep[c]
		h.Risk[c] += above
	}
	for j, t := range steps {
		for i, u := range steps {
			if u >= t {
				h.StepRisk[j] += h.StepEvents[i]
			}
		}
		for c := Coarse(t) + 1; c < NumCoarse; c++ {
			h.StepRisk[j] += slope[c]
		}
	}
}

func abs(x int) int { return max(x, -x) }

// KnownTimeout is the patience of callers of whom it is known that they wait for t: as if it had been seen many times. The
// slope stays as estimated, for calls that are cancelled sooner.
func KnownTimeout(t float64, pop *Hazards) *Fit {
	const seen = 100
	f := &Fit{Steps: []float64{FineEdge(Fine(t))}, Pop: *pop}
	f.Pop.StepEvents, f.Pop.StepRisk = [MaxSteps]float64{seen}, [MaxSteps]float64{seen}
	return f
}
