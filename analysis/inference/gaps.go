package inference

import "github.com/respsniff/respsniff/analysis/client"

// shares explains a step by many callers: writes follow one another without regard to replies, and each waiter gets its
// own reply or gives up.
func shares(p *Pass, from int32, i int, st *Step, gap float64) {
	par := p.Params[client.Shared]
	w := 1.0
	switch {
	case st.untimed():
	case st.What == NextWrite:
		w = par.Gaps.Others(max(gap, p.v.Floor), 1)
		if period, ok := onBeat(p.v, i); ok && !p.Without.Has(TermBeats) {
			w = max(w, 0.5/(2*beatJitter*period))
		}
		if st.Have && st.Wait > p.v.Pause {
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
	to := st.Own + st.N
	p.branches = append(p.branches, branch{from: from, to: to, reads: st.N, op: opShared, w: w * sv})
	if sv < 1 {
		p.branches = append(p.branches, branch{from: from, to: to, op: opShared, w: w * (1 - sv)})
	}
}

// sideBySide is how much more likely a write of several commands is where as many callers had their replies at once, than
// one of that size is at all.
func sideBySide(p *Pass, st *Step) float64 {
	if st.callers > 1 && st.callers == st.N {
		return 0.5 / p.Sizes.chance(st.N)
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
				st.callers += max(1, s.callers)
			}
		}
	}
}
