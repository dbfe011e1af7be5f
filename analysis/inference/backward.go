package inference

import (
	"math"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// Candidate is a reply that a caller may have read, with its posterior.
type Candidate struct {
	Reply  int32   // place in the server's stream; below 0: from before the capture
	Weight float64 // its posterior
	Unread float64 // of Weight, what the kinds that leave replies unread say
}

// Learner takes what a connection teaches of each family.
type Learner struct {
	Counts  [client.NumFamilies]*client.Counts // what is counted
	Samples [client.NumFamilies]*client.Sample // what shows the patience of the connection itself
}

// leastShare is the weight with which a family that is not believed learns on: it must be able to fit.
const leastShare = 1

// Backward turns the weights of the forward pass into posteriors. read, if not nil, gets for each command who may have
// read what; learn, if not nil, what the connection teaches.
func (p *Pass) Backward(read [][]Candidate, learn *Learner) {
	last := p.at[len(p.at)-1]
	final := p.states[last.states:]
	z := 0.0
	for _, s := range final {
		z += s.w
	}
	if learn != nil {
		p.learnCallers(learn.Counts[client.Shared], final)
	}
	beta := make([]float64, len(final))
	for i := range beta {
		beta[i] = 1 / z
	}
	var share [client.NumFamilies]float64
	for k, w := range p.Post {
		share[client.Kind(k).Family()] += w
	}
	var prs []float64
	if read != nil {
		p.Owed = slices.Grow(p.Owed[:0], len(p.v.Steps))[:len(p.v.Steps)]
	}
	for i := len(p.v.Steps) - 1; i >= 0; i-- {
		cur, next := &p.at[i], &p.at[i+1]
		from := p.states[cur.states:next.states]
		into := p.states[next.states:]
		if i+2 < len(p.at) {
			into = p.states[next.states:p.at[i+2].states]
		}
		into = into[:len(beta)]
		end := len(p.branches)
		if i+1 < len(p.at)-1 {
			end = next.branches
		}
		st := &p.v.Steps[i]
		b := make([]float64, len(from))
		prs = prs[:0]
		var total [client.NumFamilies]float64
		for j := cur.branches; j < end; j++ {
			br := &p.branches[j]
			s := &from[br.from]
			w := br.w * cur.scale[br.from] / cur.z * cur.lift[s.kind] * p.ahead(into, beta, s, br, st)
			b[br.from] += w
			pr := s.w * w
			prs = append(prs, pr)
			total[s.kind.Family()] += pr
			if read != nil && pr > 1e-6 {
				p.readers(read, st, s, br, pr)
				owe(p, p.v.start(s, st), pr)
			}
		}
		if read != nil {
			p.Owed[i] = owes(p, st)
		}
		if learn != nil {
			for j, pr := range prs {
				br := &p.branches[cur.branches+j]
				s := &from[br.from]
				f := s.kind.Family()
				if total[f] > 0 {
					p.learn(learn, i, st, s, br, pr*max(share[f], leastShare)/total[f])
				}
			}
		}
		beta = b
	}
	p.Behind = 0
	all := 0.0
	for i, w := range beta {
		if s := &p.states[i]; !s.kind.Healthy() {
			all += s.w * w
			if s.Read < 0 {
				p.Behind += s.w * w
			}
		}
	}
	if all > 0 {
		p.Behind /= all
	}
}

// ahead is what the steps ahead say of a hypothesis.
func (p *Pass) ahead(into []State, beta []float64, s *State, br *branch, st *Step) float64 {
	k, to := s.kind, br.to
	at := func(r int32) float64 {
		for i := range into {
			if into[i].kind == k && into[i].held == br.held && into[i].callers == s.callers && into[i].Read == r {
				return beta[i]
			}
		}
		return 0
	}
	own := st.Own + st.N
	if !st.NextLoss || k.Healthy() || to == own || p.Without.Has(TermLoss) {
		return at(to)
	}
	return (1-lossSpread)*at(to) + lossSpread/2*(at(min(to-1, own))+at(min(to+1, own)))
}

// readers adds a branch to what the commands of a step may have read.
func (p *Pass) readers(read [][]Candidate, st *Step, s *State, br *branch, pr float64) {
	v := p.v
	if br.op == opUnknown {
		for own := st.Own; own < st.Own+st.N; own++ {
			if at := v.Command[own] - 1 - v.Base; at >= 0 && int(at) < len(read) {
				add(&read[at], Unexplained, pr, false)
			}
		}
	}
	start := v.start(s, st)
	if s.kind == client.Shares {
		start = st.Own
	}
	for j := range br.reads {
		own := st.Own + j
		cmd := v.Command[own]
		if cmd == 0 {
			continue // a reply that nobody asked for has no caller
		}
		at := cmd - 1 - v.Base
		if at < 0 || int(at) >= len(read) {
			continue
		}
		add(&read[at], start+j, pr, !s.kind.Healthy() || s.kind == client.Closes)
	}
}

func add(list *[]Candidate, reply int32, w float64, unread bool) {
	u := 0.0
	if unread {
		u = w
	}
	for i := range *list {
		if c := &(*list)[i]; c.Reply == reply {
			c.Weight += w
			c.Unread += u
			return
		}
	}
	*list = append(*list, Candidate{reply, w, u})
}

// learn counts what one branch teaches its family.
func (p *Pass) learn(l *Learner, i int, st *Step, s *State, br *branch, pr float64) {
	if pr < 1e-4 || st.untimed() {
		return
	}
	if st.Settled { // it is counted, but not as this connection's own
		if br.op == opCompleted && !st.Blocking && br.lo > 0x1p-16 {
			s := l.Samples[s.kind.Family()]
			s.Waits = append(s.Waits, client.Wait{Length: br.lo, Weight: pr})
		}
		return
	}
	f := s.kind.Family()
	c, sample := l.Counts[f], l.Samples[f]
	gap := max(0, st.Next-st.Last)
	switch br.op {
	case opShared:
		if st.What == NextWrite {
			c.Gaps.Add(float64(br.turn), pr)
		}
	case opCompleted:
		if !st.Blocking && br.lo > 0x1p-16 {
			c.AddWait(br.lo, pr)
			sample.Waits = append(sample.Waits, client.Wait{Length: br.lo, Weight: pr})
		}
		start := p.v.start(s, st)
		if st.What != NextNothing && !st.Farewell && s.kind != client.Checks {
			ends := &c.Ends[readAs(p.v, st, start)]
			if st.ended() {
				ends[0] += pr
			} else {
				ends[1] += pr
			}
		}
		if st.What == NextWrite {
			h := &c.Think
			if st.SetUp {
				h = &c.SetUp
			}
			h.Add(float64(br.turn), pr)
		}
		if br.reads > 1 && start != st.Own && refused(p.v, st, start) >= 0 {
			c.Abort[1] += pr
		}
	case opStopped:
		c.Abort[0] += pr
	case opGaveUp:
		if st.What == NextNothing {
			return
		}
		if pr > 1e-3 {
			sample.GiveUps = append(sample.GiveUps, client.GiveUp{Weight: pr, Lo: br.lo, Hi: br.hi, Gap: gap, Written: st.What == NextWrite, Ended: st.ended() && !unread(p.v, s, st, br.to), Step: int32(i)})
		}
		act := client.ActUnread
		switch {
		case s.kind == client.Closes:
			if !st.QuitNext && st.What == NextWrite {
				return
			}
			act = client.ActCloses
		case s.kind == client.Checks:
			return
		case f == client.Dropped:
			act = client.ActDropped
		}
		if st.What == NextWrite {
			c.Act[act][0] += pr
		} else {
			c.Act[act][1] += pr
		}
	}
}

// Unexplained stands, among the replies that a caller may have read, for a step that no hypothesis explains.
const Unexplained = math.MinInt32

// owe adds the weight of a branch whose reader begins at start.
func owe(p *Pass, start int32, w float64) {
	for i := range p.starts {
		if p.starts[i].Reply == start {
			p.starts[i].Weight += w
			return
		}
	}
	p.starts = append(p.starts, Candidate{Reply: start, Weight: w})
}

// owes returns how many replies were owed at a step by the most probable of its hypotheses.
func owes(p *Pass, st *Step) int32 {
	best := Candidate{Reply: st.Own}
	for _, c := range p.starts {
		if c.Weight > best.Weight {
			best = c
		}
	}
	p.starts = p.starts[:0]
	return max(0, st.Own-best.Reply)
}
