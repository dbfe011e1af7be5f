package inference

import "github.com/respsniff/respsniff/analysis/client"

// shares explains a step by many callers: writes follow one another without regard to replies, and each waiter gets its
// own reply or gives up.
func shares(p *Pass, from int32, h *State, i int, st *Step, gap float64) {
	par := p.Params[client.Shared]
	w, free := 1.0, gap
	switch {
	case st.untimed():
	case st.What == NextWrite:
		rate := 1.0
		if n := client.Callers[h.callers]; n > 0 && !p.Without.Has(TermCallers) {
			free, rate = p.v.free(i, n)
		}
		w = par.Gaps.Others(max(free, p.v.Floor), 1) * rate
		if period, ok := onBeat(p.v, i); ok && !p.Without.Has(TermBeats) {
			w = max(w, 0.5/(2*beatJitter*period))
		}
		if st.Have && st.Wait > p.v.Pause && client.Callers[h.callers] == 0 {
			// All callers of the connection may have been waiting: then the next write is of one that got its reply.
			x := max(st.Next-p.v.At[st.Own+st.N-1], p.v.Floor)
			w = w/2 + ThinkTime(p.Params[client.Dropped], st, x)/2
		}
	case st.What == NextClose:
		w = client.Broad(max(gap, p.v.Floor))
	}
	if st.What != NextNothing && !st.Farewell {
		if c := closing(par, client.EndsOwn, p.Without); st.ended() {
			w *= c
		} else {
			w *= 1 - c
		}
	}
	w *= sideBySide(p, st)
	sv := 1.0
	if st.Have && !st.Blocking {
		sv = p.Patience[client.Dropped].Survive(st.Wait)
	}
	to, turn := st.Own+st.N, float32(max(free, p.v.Floor))
	p.branches = append(p.branches, branch{from: from, to: to, reads: st.N, op: opShared, w: w * sv, turn: turn})
	if sv < 1 {
		p.branches = append(p.branches, branch{from: from, to: to, op: opShared, w: w * (1 - sv), turn: turn})
	}
}

// gone is the share of the callers whose reply is outstanding that have given up, and may write again.
const gone = 0.05

// free returns how long callers of a connection with n of them could write between step i and the next, each of their number
// counted as its share, and how many could at its end: who waits for a reply writes nothing. So a few callers write more
// rarely while the server stands still, all together no more commands than there are callers, and as usual from the replies
// on.
func (v *View) free(i, n int) (time, rate float64) {
	st := &v.Steps[i]
	var until [2 * mostCallers]float64
	waiting := 0
	for j := i; j >= 0 && waiting < len(until); j-- {
		s := &v.Steps[j]
		if s.N == 0 || s.Own < 0 {
			continue
		}
		at := v.At[s.Own+s.N-1]
		if at <= st.Last {
			break
		}
		for range s.by() {
			if waiting < len(until) {
				until[waiting] = at
				waiting++
			}
		}
	}
	share := func() float64 { return (float64(max(n-waiting, 0)) + gone*float64(min(waiting, n))) / float64(n) }
	t := st.Last
	for ; waiting > 0 && until[waiting-1] <= st.Next; waiting-- {
		time += share() * (until[waiting-1] - t)
		t = until[waiting-1]
	}
	time, rate = time+share()*(max(st.Next, t)-t), share()
	if gap := st.Next - st.Last; waiting == 0 && gap-time < client.Resolution*gap {
		return gap, 1 // densities do not tell them apart
	}
	return time, rate
}

// mostCallers is the largest number of callers that is told apart.
const mostCallers = 6

// learnCallers counts how many callers a connection has, if it is shared.
func (p *Pass) learnCallers(c *client.Counts, final []State) {
	sum := 0.0
	for i := range final {
		if final[i].kind == client.Shares {
			sum += final[i].w
		}
	}
	for i := range final {
		if s := &final[i]; s.kind == client.Shares && sum > 0 {
			c.Callers[s.callers] += s.w / sum
		}
	}
}

// sideBySide is how much more likely a write of several commands is where as many callers had their replies at once, than
// one of that size is at all.
func sideBySide(p *Pass, st *Step) float64 {
	if st.by() > 1 {
		return 0.5 / p.Sizes.chance(st.N)
	}
	return 1
}

// by is how many callers wrote a step: one, unless as many as it has commands had their replies at once before it.
func (s *Step) by() int32 {
	if s.callers > 1 && s.callers == s.N {
		return s.N
	}
	return 1
}

// Together counts for each write the callers whose replies came since the write before: on a connection of many callers
// they go on together, in one write.
func (v *View) Together() {
	for i := 1; i < len(v.Steps); i++ {
		st, before := &v.Steps[i], &v.Steps[i-1]
		for j := i - 1; j >= 0 && j >= i-8; j-- {
			s := &v.Steps[j]
			if s.N == 0 || s.Own < 0 {
				continue
			}
			at := v.At[s.Own+s.N-1]
			if at <= before.Last && j < i-1 {
				break
			}
			if at > before.Last && at <= st.First {
				st.callers += s.by()
			}
		}
	}
}
