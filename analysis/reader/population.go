package reader

import (
	"cmp"
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
)

// population is the connections of one client address with the same set-up, and what they have in common.
type population struct {
	key                  Key
	level                client.Level                        // of connections that settled at once, and so certain in any reading
	past                 [client.NumFamilies]*client.Counts  // of connections that were judged early, level included
	gone                 [client.NumFamilies][]client.GiveUp // … and their give-ups
	learned              [client.NumFamilies]*client.Counts  // by the last fit
	lately               [client.NumFamilies][]client.GiveUp
	low                  float64 // the shortest first give-up so far, s; 0: none
	shortest             float64 // … of those that are certain; +Inf: none
	levelWaits, allWaits reservoir
	conns                []*Conn
	links
	pace            pace // of levelWaits
	gate            inference.Gate
	sizes, fitSizes inference.WriteSizes
	turns           client.Turns

	params    [client.NumFamilies]*client.Params
	pi        [client.NumKinds]float64
	ignorance *inference.Ignorance // of the last fit
	shown
	named  bool      // the set-up of a connection was captured, with the name of its library, if it has one
	many   float64   // how likely it is that its callers share connections, by how they took turns
	habits *Habits   // as the last fit found them; nil: there was none
	ends   []float64 // waits that ended without a reply, of the latest
}

// rounds of the estimation; the kinds are weighed from the hold-th on, once each has had its chance to fit.
const (
	rounds = 6
	hold   = 2
)

// fitted is a connection while its population is estimated.
type fitted struct {
	v       *view
	samples [client.NumFamilies]*client.Sample
	post    [client.NumKinds]float64
	prior   [client.NumKinds]float64 // as the other connections of its population say
	pi      [client.NumKinds]float64 // … and what is known of its client
	gain    float64                  // evidence for unread replies, in nats
	alone   float64                  // of it, what the connection adds to what the others say
}

// fit estimates the population's parameters and judges its connections (EM: judge with what is known, count what that
// teaches, and again).
func (q *population) fit(o *Options, p *inference.Pass) []*fitted {
	list := q.views()
	if len(list) == 0 {
		return nil
	}
	var counts [client.NumFamilies]*client.Counts
	gaps := q.begin(list, &counts, o)
	var fits [client.NumFamilies]*client.Fit
	for f := range counts {
		fits[f] = q.patience(o, counts[f], list, client.Family(f), &client.Uninformed)
	}
	prior := q.prior(o, list)
	var posts, evidence [][client.NumKinds]float64 // of the round before, once the kinds compete
	for r := range rounds {
		shares := client.NewKindMix(posts, nil, &prior)
		if r > hold || o.Without.Has(inference.TermPure) {
			shares = client.NewKindMix(posts, evidence, &prior)
		}
		q.pi = shares.All()
		for f := range counts {
			q.params[f] = client.NewParams(counts[f], fits[f])
		}
		posts, evidence = posts[:0], evidence[:0]
		for f := range counts {
			counts[f] = q.known(client.Family(f))
		}
		for i, c := range list {
			c.prior = shares.Others(i)
			q.judge(c, p, o)
			l := inference.Learner{Counts: counts}
			for f := range l.Samples {
				l.Samples[f] = &client.Sample{}
			}
			p.Backward(nil, &l)
			if r < rounds-1 { // else the estimate of patience is of those before
				c.samples = l.Samples
			}
			var ll [client.NumKinds]float64
			for k := range ll {
				if c.pi[k] > 0 {
					ll[k] = math.Log((c.post[k] + 1e-12) / c.pi[k])
				}
			}
			if r >= hold {
				posts = append(posts, c.post)
			}
			evidence = append(evidence, ll)
		}
		if r == rounds-1 {
			break
		}
		for f := range counts {
			fits[f] = q.patience(o, counts[f], list, client.Family(f), &q.params[f].Turn)
		}
		if m := counts[client.Shared]; m.Gaps.Sum() < 5 {
			m.Gaps.AddHist(gaps, 5/max(1, gaps.Sum()))
		}
	}
	q.keep(list, &counts)
	q.shown.weigh(list, o)
	q.learnIgnorance(list)
	q.habits = q.summarise(list)
	return list
}

// prior weighs the kinds before anything else is known of the connections: callers that never met, though independent ones
// would have, take turns.
func (q *population) prior(o *Options, list []*fitted) [client.NumKinds]float64 {
	q.many = 1
	if !o.Without.Has(inference.TermTurns) {
		t := q.turns
		for _, c := range list {
			turns(c.v, &t)
		}
		q.many = t.Many()
	}
	prior := o.prior
	for k := range prior {
		if client.Kind(k).Together() {
			prior[k] *= q.many
		}
	}
	return prior
}

// turns counts a connection up to its first doubt.
func turns(v *view, t *client.Turns) {
	if v.c.start != nil && !v.c.level {
		return
	}
	for i := range v.Steps {
		s := &v.Steps[i]
		switch {
		case s.N == 0 || s.Blocking || s.SetUp:
		case s.Uncertain || s.Lost || s.NextLoss || s.Guessed:
			return
		case !s.Have:
			if s.What == inference.NextWrite {
				t.Overlaps++
			}
			return
		case s.What != inference.NextWrite || s.Settled:
		case s.Crossed == 0:
			t.See(s.Wait, s.Next-s.Last)
		case t.Writes > 0: // it had its turn, as the others
			t.See(t.Waits/t.Writes, t.Gaps/t.Writes)
		}
	}
}

// judge runs the forward pass over one connection with what the population knows.
func (q *population) judge(c *fitted, p *inference.Pass, o *Options) {
	p.Reset(&c.v.View)
	pi := c.prior
	if o.Known != nil && !o.Without.Has(inference.TermLibrary) {
		if w := o.Known(c.v.c); w != nil {
			pi = inference.WithKnown(&pi, w, q.many)
		}
	}
	p.Without, p.Prior, p.Params, p.Gate, p.Sizes = o.Without, &pi, &q.params, q.gate, &q.fitSizes
	if c.v.c.midstream && c.v.c.start == nil {
		p.Sizes = inference.SizesOf(&c.v.View) // it may always have written in batches
	}
	for f := range p.Patience {
		own := c.samples[f]
		p.Samples[f] = own
		var h *client.Hazards
		if own != nil && !o.Without.Has(inference.TermOwnWait) {
			h = &own.Own
		}
		if q.params[f].Fit != nil {
			p.Patience[f] = client.NewPatience(q.params[f].Fit.Steps, &q.params[f].Fit.Pop, h)
		}
	}
	p.Forward()
	c.post, c.pi = p.Post, *p.Prior
}

// views makes the views of the population's connections, and finds the gate.
func (q *population) views() (list []*fitted) {
	all, level := q.allWaits, q.levelWaits
	all.x, level.x = slices.Clone(all.x), slices.Clone(level.x)
	sizes := q.sizes
	for _, c := range q.conns {
		if c.judged || len(c.writes) == 0 || c.blind() || c.calm() && c.open() {
			continue
		}
		v := newView(c, math.Inf(1))
		if len(v.Steps) == 0 {
			continue
		}
		list = append(list, &fitted{v: v})
		q.remember(v)
	}
	q.gate = inference.NewGate(q.allWaits.x, q.levelWaits.x)
	q.gate.Shortest = q.shortest
	for _, c := range list {
		q.gate.Seen(&c.v.View)
	}
	q.shortest = q.gate.Shortest
	q.fitSizes = q.sizes
	q.allWaits, q.levelWaits, q.sizes = all, level, sizes
	return list
}

// begin counts what is certain in any reading. It returns the gaps between all writes, for those that share.
func (q *population) begin(list []*fitted, counts *[client.NumFamilies]*client.Counts, o *Options) *client.Hist {
	low := math.Inf(1)
	for _, c := range list {
		if g := c.v.Clean(nil, math.Inf(1)); g != nil {
			low = min(low, g.Gap)
		}
	}
	base := &client.Counts{}
	q.level.AddTo(base)
	for _, c := range list {
		s := &client.Sample{}
		if g := c.v.Clean(base, 0.8*low); g != nil {
			s.GiveUps = append(s.GiveUps, *g)
		}
		for f := range c.samples {
			t := *s
			t.GiveUps = slices.Clone(s.GiveUps)
			c.samples[f] = &t
		}
		for i := range c.v.Steps {
			if st := &c.v.Steps[i]; st.What == inference.NextWrite && !st.Settled {
				base.Gaps.Add(max(0, st.Next-st.Last), 1)
			}
		}
	}
	if base.Think.Sum() < 10 { // sick from its first moment: all that looks like its own reply, with less weight
		for _, c := range list {
			for i := range c.v.Steps {
				if st := &c.v.Steps[i]; st.N > 0 && st.Have && st.What == inference.NextWrite {
					base.Think.Add(max(c.v.Floor, st.Next-c.v.At[st.Own+st.N-1]), 0.3)
				}
			}
		}
	}
	for f := range counts {
		counts[f] = &client.Counts{}
		counts[f].Add(base, 1)
	}
	return &base.Gaps
}

// learnIgnorance counts the waits that were seen to be sat out.
func (q *population) learnIgnorance(list []*fitted) {
	q.ignorance = &inference.Ignorance{Usual: q.gate.Usual, Turn: q.params[client.Dropped].Think}
	for _, c := range list {
		alone := 1 - c.post[client.Shares]
		for i := range c.v.Steps {
			if st := &c.v.Steps[i]; st.N > 0 && st.Have && !st.Blocking {
				q.ignorance.See(st.Wait, alone)
			}
		}
	}
}

// unseen returns for each command the chance that its caller gave up unseen.
func (q *population) unseen(c *fitted, o *Options) []float64 {
	out := make([]float64, len(c.v.own))
	if o.Without.Has(inference.TermIgnorance) {
		return out
	}
	for i := range c.v.Steps {
		st := &c.v.Steps[i]
		if st.N == 0 || math.IsInf(st.Wait, 1) || st.Wait <= q.ignorance.Usual {
			continue
		}
		x := max(st.Next-c.v.At[st.Own+st.N-1], c.v.Floor)
		shares := c.post[client.Shares] / (c.post[client.Shares] + c.post[client.Discards] + c.post[client.Forgets] + 1e-9)
		p := (1-shares)*q.ignorance.Gone(st, inference.ThinkTime(q.params[client.Dropped], st, x), !st.Have) + shares*q.ignorance.Gone(st, 1, true)
		for at := st.Index - 1 - c.v.c.base; at >= 0 && int(at) < len(out) && c.v.own[at] < st.Own+st.N; at++ {
			out[at] = p
		}
	}
	return out
}

// known returns what the population has learned of a family from connections that are gone.
func (q *population) known(f client.Family) *client.Counts {
	c := &client.Counts{}
	q.level.AddTo(c)
	if f != client.Shared {
		c.Gaps = client.Hist{}
	}
	if past := q.past[f]; past != nil {
		c.Add(past, 1)
	}
	return c
}

// samplesOf lists what the connections showed of their patience, those that are gone as one.
func (q *population) samplesOf(list []*fitted, f client.Family) []*client.Sample {
	out := make([]*client.Sample, 0, len(list)+1)
	for _, c := range list {
		out = append(out, c.samples[f])
	}
	if len(q.gone[f]) > 0 {
		out = append(out, &client.Sample{GiveUps: slices.Clone(q.gone[f])})
	}
	return out
}

// maxGone bounds the give-ups that are remembered of connections that are gone, the latest first.
const maxGone = 256

// keep remembers what the fit has learned, for connections that come later.
func (q *population) keep(list []*fitted, counts *[client.NumFamilies]*client.Counts) {
	for f := range counts {
		q.learned[f] = counts[f]
		q.lately[f] = q.lately[f][:0]
		for i := len(list) - 1; i >= 0 && len(q.lately[f]) < maxGone; i-- {
			q.lately[f] = append(q.lately[f], list[i].samples[f].GiveUps...)
		}
	}
}

// forget turns what was learned of the connections of the last fit into what is known of those that are gone.
func (q *population) forget() {
	for f := range q.learned {
		if q.learned[f] == nil {
			continue
		}
		q.past[f] = q.learned[f]
		q.gone[f] = append(q.lately[f], q.gone[f]...)
		q.gone[f] = slices.Clone(q.gone[f][:min(len(q.gone[f]), maxGone)])
		q.learned[f], q.lately[f] = nil, nil
	}
	q.level = client.Level{}
}

// remove drops a connection that has settled from those that wait.
func (q *population) remove(c *Conn) {
	n := len(q.conns) - 1
	if c.place > n || q.conns[c.place] != c {
		return
	}
	q.conns[c.place] = q.conns[n]
	q.conns[c.place].place = c.place
	q.conns[n] = nil
	q.conns = q.conns[:n]
}

// tidy puts the connections in the order in which they began, and forgets those that are over.
func (q *population) tidy() {
	q.conns = slices.DeleteFunc(q.conns, func(c *Conn) bool {
		if c.over {
			c.pop = nil // it may be kept for long
		}
		return c.over
	})
	slices.SortFunc(q.conns, func(a, b *Conn) int { return cmp.Compare(a.ID, b.ID) })
	for i, c := range q.conns {
		c.place = i
	}
}

// patience estimates how long the callers wait, as one family sees them; a read timeout that the user has given is a step
// that was seen often.
func (q *population) patience(o *Options, c *client.Counts, list []*fitted, f client.Family, turn *client.Turnaround) *client.Fit {
	fit := client.FitPatience(c.Waits, q.samplesOf(list, f), turn, &c.Turn)
	if o.ReadTimeout != nil {
		if t, ok := o.ReadTimeout(q.key.Client); ok {
			return client.KnownTimeout(t.Seconds(), &fit.Pop)
		}
	}
	return fit
}

// noteGiveUp notes a wait that ended without a reply. Sooner than the shortest timer it was none.
func (q *population) noteGiveUp(gap float64) {
	if gap >= inference.ShortestTimer && (q.low == 0 || gap < q.low) {
		q.low = gap
	}
}
