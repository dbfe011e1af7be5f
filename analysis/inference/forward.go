package inference

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// State is a hypothesis: the kind of the reader, and how many replies of the server's stream it has read or dropped.
type State struct {
	kind client.Kind
	Read int32 // replies read or dropped
	held int32 // replies in the memory of a reader that holds commands back
	// callers is which of client.Callers share the connection, of a client that has many on one.
	callers uint8
	w       float64
}

// branch is one way in which a hypothesis explains a step.
type branch struct {
	from  int32 // state of this step
	to    int32 // replies read after it
	held  int32 // of these, replies left in its memory
	reads int32 // how many commands of the batch got one
	op    uint8
	turn  float32 // completed: think time
	w     float64
	lo    float64 // gave up: between lo and hi after the write; completed: lo is the wait
	hi    float64
}

// What a branch says happened.
const (
	opIdle      uint8 = iota // nobody waited
	opCompleted              // all replies were read
	opGaveUp                 // after some of them
	opStopped                // at a reply that cannot be its own
	opShared                 // many callers
	opUnknown                // none of the above: nothing explains it
)

// Bounds of the forward pass.
const (
	maxStep      = 7.0   // nats that one step can say between two hypotheses
	doubtfulStep = 1.0   // … where it is not certain which replies serve its commands
	independs    = 10.0  // steps of a connection that count in full; beyond them, weak differences share that weight
	weak         = 0.5   // nats: differences below it are next to nothing
	prune        = 1e-6  // of its kind: hypotheses below it are dropped
	kindFloor    = 1e-20 // no kind is beaten for good
	maxOfKind    = 32    // hypotheses of one kind
	unexplains   = 1e-12 // of a step that a hypothesis cannot explain
)

// Pass is the forward and backward pass over one connection.
type Pass struct {
	v        *View
	Params   *[client.NumFamilies]*client.Params  // of the population, by family
	Patience [client.NumFamilies]*client.Patience // of the callers, by family
	Samples  [client.NumFamilies]*client.Sample   // of the round before
	Gate     Gate                                 // how soon a caller can have given up
	Sizes    *WriteSizes                          // of the population's writes
	Without  Terms                                // evidence to leave out
	Prior    *[client.NumKinds]float64            // of the kinds

	states   []State // of all steps, one after the other
	branches []branch
	at       []stepAt
	Post     [client.NumKinds]float64 // posterior of the kinds
	Owed     []int32                  // by step: replies owed when it was written, by the most probable hypothesis
	starts   []Candidate              // where the reader of this step begins
	Behind   float64                  // share of the kinds that leave replies unread by which it was so before its first write
	paused   float64                  // of this step: 0 not asked, -1 no, else the chance
}

// stepAt is where a step's hypotheses and branches lie, and its scales.
type stepAt struct {
	states, branches int
	z                float64
	scale            []float64 // by state
	lift             [client.NumKinds]float64
}

// Reset begins a pass over another connection.
func (p *Pass) Reset(v *View) {
	p.v = v
	p.states, p.branches, p.at = p.states[:0], p.branches[:0], p.at[:0]
}

// Forward weighs the hypotheses from step to step.
func (p *Pass) Forward() {
	p.begin()
	for i := range p.v.Steps {
		p.step(i)
	}
	last := p.at[len(p.at)-1]
	p.Post = [client.NumKinds]float64{}
	z := 0.0
	for _, s := range p.states[last.states:] {
		p.Post[s.kind] += s.w
		z += s.w
	}
	for k := range p.Post {
		p.Post[k] /= z
	}
}

// begin sets the hypotheses before the first write.
func (p *Pass) begin() {
	p.at = append(p.at, stepAt{})
	if start := p.v.Start; start != nil {
		p.states = append(p.states, start...)
		return
	}
	for k := range client.Kind(client.NumKinds) {
		w := p.Prior[k]
		if w <= 0 {
			continue
		}
		if k == client.Shares {
			for n, share := range p.Params[client.Shared].Callers {
				p.states = append(p.states, State{kind: k, callers: uint8(n), w: w * share})
			}
			continue
		}
		if p.v.Midstream && !k.Healthy() && !p.Without.Has(TermMidstream) {
			for j, share := range midstreamPrior {
				p.states = append(p.states, State{kind: k, Read: int32(-j), w: w * share})
			}
			continue
		}
		p.states = append(p.states, State{kind: k, w: w})
	}
}

// step explains one step by each hypothesis.
func (p *Pass) step(i int) {
	v := p.v
	st := &v.Steps[i]
	cur := &p.at[i]
	from := p.states[cur.states:]
	cur.branches = len(p.branches)
	p.paused = 0
	var buf [64]float64
	totals, waits := buf[:0], make([]float64, len(from))
	for s := range from {
		before := len(p.branches)
		p.explain(int32(s), &from[s], i, st)
		sum := 0.0
		for b := before; b < len(p.branches); b++ {
			sum += p.branches[b].w
			if p.branches[b].op == opCompleted {
				waits[s] = float64(p.branches[b].hi) // -log of having waited so long
			}
		}
		totals = append(totals, math.Log(sum+1e-300))
	}
	cur.scale = p.bound(st, from, totals, waits)
	p.advance(i, from)
}

// bound turns the likelihoods of one step into bounded ones, as distances from the most probable hypothesis. Weak
// differences are not independent of one another, and a strong one has a limit. That nobody gave up in a hundred chances is
// a hundred observations: survival is not weakened.
func (p *Pass) bound(st *Step, from []State, totals, waits []float64) []float64 {
	tau := min(1, independs/float64(max(1, len(p.v.Steps))))
	best, top := 0.0, math.Inf(-1)
	for s, t := range totals {
		if m := t + math.Log(from[s].w); m > top {
			best, top = t+waits[s], m
		}
	}
	most := maxStep
	if p.v.Doubtful(st) && !p.Without.Has(TermLoss) {
		if most = doubtfulStep; late(p.v, st) {
			most = 0
		}
	}
	scale := make([]float64, len(totals))
	for s, t := range totals {
		var y float64
		if p.Without.Has(TermBound) {
			y = max(-30, min(best-t, 30))
		} else {
			x := best - t - waits[s]
			d := x * x / (weak * weak)
			y = max(-most, min(most, x*(tau+(1-tau)*d*d/(d*d+1))+waits[s]))
		}
		scale[s] = math.Exp(-y - t)
	}
	return scale
}

// advance merges the branches into the hypotheses of the next step, and drops the hopeless ones of each kind.
func (p *Pass) advance(i int, from []State) {
	cur := &p.at[i]
	start := len(p.states)
	next := p.states[start:]
	for b := cur.branches; b < len(p.branches); b++ {
		br := &p.branches[b]
		s := &from[br.from]
		w := s.w * br.w * cur.scale[br.from]
		if w == 0 {
			continue
		}
		found := false
		for k := len(next) - 1; k >= 0; k-- {
			if next[k].kind == s.kind && next[k].Read == br.to && next[k].held == br.held && next[k].callers == s.callers {
				next[k].w += w
				found = true
				break
			}
		}
		if !found {
			next = append(next, State{s.kind, br.to, br.held, s.callers, w})
		}
	}
	if l := p.v.Steps[i]; l.NextLoss && !p.Without.Has(TermLoss) {
		next = spread(next, l.Own+l.N)
	}
	z := 0.0
	for k := range next {
		z += next[k].w
	}
	var share, top [client.NumKinds]float64
	for k := range next {
		next[k].w /= z
		share[next[k].kind] += next[k].w
		top[next[k].kind] = max(top[next[k].kind], next[k].w)
	}
	cur.z = z
	for k := range share {
		cur.lift[k] = 1
		if share[k] > 0 && share[k] < kindFloor {
			cur.lift[k] = kindFloor / share[k]
		}
	}
	kept := next[:0]
	for _, s := range next {
		if s.w > prune*share[s.kind] {
			s.w *= cur.lift[s.kind]
			kept = append(kept, s)
		}
	}
	kept = fewest(kept)
	p.states = append(p.states[:start], kept...)
	p.at = append(p.at, stepAt{states: start})
}

// fewest keeps the maxOfKind best hypotheses of each kind.
func fewest(s []State) []State {
	if len(s) <= maxOfKind {
		return s
	}
	slices.SortStableFunc(s, func(a, b State) int {
		switch {
		case a.kind != b.kind:
			return int(a.kind) - int(b.kind)
		case a.w > b.w:
			return -1
		case a.w < b.w:
			return 1
		}
		return 0
	})
	out := s[:0]
	n, last := 0, client.Kind(0)
	for i, x := range s {
		if i == 0 || x.kind != last {
			n = 0
		}
		last = x.kind
		if n++; n <= maxOfKind {
			out = append(out, x)
		}
	}
	return out
}

// notLevel is the chance of being behind from which on a connection is watched.
const notLevel = 1e-3

// Carry returns the hypotheses of the last pass as those before the next write: what has not been read counts from end,
// the place of the first reply that is not of its steps. level says that every reader is where its own replies begin.
func (p *Pass) Carry(end int32) (out []State, level bool) {
	last := p.at[len(p.at)-1]
	z, behind := 0.0, 0.0
	for _, s := range p.states[last.states:] {
		z += s.w
	}
	for _, s := range p.states[last.states:] {
		s.w /= z
		s.Read = min(s.Read-end, 0)
		if s.kind.Healthy() && s.kind != client.Closes {
			s.Read = 0
		}
		if s.Read < 0 || s.held > 0 {
			behind += s.w
		}
		out = append(out, s)
	}
	if behind >= notLevel {
		return out, false
	}
	return slices.DeleteFunc(out, func(s State) bool { return s.Read < 0 || s.held > 0 }), true
}
