package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// candidate is a reply that a caller may have read, with its posterior.
type candidate struct {
	reply  int32 // place in the server's stream; below 0: from before the capture
	w      float64
	unread float64 // of w, what the kinds that leave replies unread say
}

// learner takes what a connection teaches of each family.
type learner struct {
	counts  [client.NumFamilies]*client.Counts
	samples [client.NumFamilies]*client.Sample
}

// leastShare is the weight with which a family that is not believed learns on: it must be able to fit.
const leastShare = 1

// backward turns the weights of the forward pass into posteriors. read, if not nil, gets for each command who may have
// read what; learn, if not nil, what the connection teaches.
func (p *pass) backward(read [][]candidate, learn *learner) {
	last := p.at[len(p.at)-1]
	final := p.states[last.states:]
	z := 0.0
	for _, s := range final {
		z += s.w
	}
	beta := make([]float64, len(final))
	for i := range beta {
		beta[i] = 1 / z
	}
	var share [client.NumFamilies]float64
	for k, w := range p.post {
		share[client.Kind(k).Family()] += w
	}
	var prs []float64
	if read != nil {
		p.owed = slices.Grow(p.owed[:0], len(p.v.steps))[:len(p.v.steps)]
	}
	for i := len(p.v.steps) - 1; i >= 0; i-- {
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
		st := &p.v.steps[i]
		b := make([]float64, len(from))
		prs = prs[:0]
		var total [client.NumFamilies]float64
		for j := cur.branches; j < end; j++ {
			br := &p.branches[j]
			s := &from[br.from]
			w := br.w * cur.scale[br.from] / cur.z * cur.lift[s.kind] * p.ahead(into, beta, s.kind, br.to, br.held, st)
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
			p.owed[i] = owes(p, st)
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
	p.behind = 0
	all := 0.0
	for i, w := range beta {
		if s := &p.states[i]; !s.kind.Healthy() {
			all += s.w * w
			if s.read < 0 {
				p.behind += s.w * w
			}
		}
	}
	if all > 0 {
		p.behind /= all
	}
}

// ahead is what the steps ahead say of a hypothesis.
func (p *pass) ahead(into []state, beta []float64, k client.Kind, to, held int32, st *step) float64 {
	at := func(r int32) float64 {
		for i := range into {
			if into[i].kind == k && into[i].held == held && into[i].read == r {
				return beta[i]
			}
		}
		return 0
	}
	own := st.own + st.n
	if !st.nextLoss || k.Healthy() || to == own || p.o.Without.Has(TermLoss) {
		return at(to)
	}
	return (1-lossSpread)*at(to) + lossSpread/2*(at(min(to-1, own))+at(min(to+1, own)))
}

// readers adds a branch to what the commands of a step may have read.
func (p *pass) readers(read [][]candidate, st *step, s *state, br *branch, pr float64) {
	v := p.v
	if br.op == opUnknown {
		for own := st.own; own < st.own+st.n; own++ {
			if at := v.command[own] - 1 - v.c.base; at >= 0 && int(at) < len(read) {
				add(&read[at], unexplained, pr, false)
			}
		}
	}
	start := v.start(s, st)
	if s.kind == client.Shares {
		start = st.own
	}
	for j := range br.reads {
		own := st.own + j
		cmd := v.command[own]
		if cmd == 0 {
			continue // a reply that nobody asked for has no caller
		}
		at := cmd - 1 - v.c.base
		if at < 0 || int(at) >= len(read) {
			continue
		}
		add(&read[at], start+j, pr, !s.kind.Healthy() || s.kind == client.Closes)
	}
}

func add(list *[]candidate, reply int32, w float64, unread bool) {
	u := 0.0
	if unread {
		u = w
	}
	for i := range *list {
		if c := &(*list)[i]; c.reply == reply {
			c.w += w
			c.unread += u
			return
		}
	}
	*list = append(*list, candidate{reply, w, u})
}

// learn counts what one branch teaches its family.
func (p *pass) learn(l *learner, i int, st *step, s *state, br *branch, pr float64) {
	if pr < 1e-4 || st.untimed() {
		return
	}
	if st.settled { // it is counted, but not as this connection's own
		if br.op == opCompleted && !st.blocking && br.lo > 0x1p-16 {
			s := l.samples[s.kind.Family()]
			s.Waits = append(s.Waits, client.Wait{Length: br.lo, Weight: pr})
		}
		return
	}
	f := s.kind.Family()
	c, sample := l.counts[f], l.samples[f]
	gap := max(0, st.next-st.t)
	switch br.op {
	case opShared:
		if st.what == nextWrite {
			c.Gaps.Add(max(gap, p.v.floor), pr)
		}
	case opCompleted:
		if !st.blocking && br.lo > 0x1p-16 {
			c.AddWait(br.lo, pr)
			sample.Waits = append(sample.Waits, client.Wait{Length: br.lo, Weight: pr})
		}
		start := p.v.start(s, st)
		if st.what != nextNothing && !st.farewell && s.kind != client.Checks {
			ends := &c.Ends[readAs(p.v, st, start)]
			if st.ended() {
				ends[0] += pr
			} else {
				ends[1] += pr
			}
		}
		if st.what == nextWrite {
			h := &c.Think
			if st.setup {
				h = &c.SetUp
			}
			h.Add(float64(br.turn), pr)
		}
		if br.reads > 1 && start != st.own && refused(p.v, st, start) >= 0 {
			c.Abort[1] += pr
		}
	case opStopped:
		c.Abort[0] += pr
	case opGaveUp:
		if st.what == nextNothing {
			return
		}
		if pr > 1e-3 {
			sample.GiveUps = append(sample.GiveUps, client.GiveUp{Weight: pr, Lo: br.lo, Hi: br.hi, Gap: gap, Written: st.what == nextWrite, Ended: st.ended() && !unread(p.v, s, st, br.to), Step: int32(i)})
		}
		act := client.ActUnread
		switch {
		case s.kind == client.Closes:
			if !st.quitNext && st.what == nextWrite {
				return
			}
			act = client.ActCloses
		case s.kind == client.Checks:
			return
		case f == client.Dropped:
			act = client.ActDropped
		}
		if st.what == nextWrite {
			c.Act[act][0] += pr
		} else {
			c.Act[act][1] += pr
		}
	}
}
