package reader

import "github.com/respsniff/respsniff/analysis/client"

// shares explains a step by many callers: writes follow one another without regard to replies, and each waiter gets its
// own reply or gives up.
func shares(p *pass, from int32, i int, st *step, gap float64) {
	par := p.par[client.Shared]
	w := 1.0
	switch {
	case st.untimed():
	case st.what == nextWrite:
		w = par.Gaps.Others(max(gap, p.v.floor), 1)
		if period, ok := onBeat(p.v, i); ok && !p.o.Without.Has(TermBeats) {
			w = max(w, 0.5/(2*beatJitter*period))
		}
		if st.have && st.wait > p.v.pause {
			// All callers of the connection may have been waiting: then the next write is of one that got its reply.
			x := max(st.next-p.v.at[st.own+st.n-1], p.v.floor)
			w = w/2 + thinkTime(p.par[client.Dropped], st, x)/2
		}
	case st.what == nextClose:
		w = client.Broad(max(gap, p.v.floor))
	}
	if st.what != nextNothing && !st.farewell {
		if c := closing(par, client.EndsOwn, p.o); st.ended() {
			w *= c
		} else {
			w *= 1 - c
		}
	}
	w *= sideBySide(p, st)
	sv := 1.0
	if st.have && !st.blocking {
		sv = p.pat[client.Dropped].Survive(st.wait)
	}
	to := st.own + st.n
	p.branches = append(p.branches, branch{from: from, to: to, reads: st.n, op: opShared, w: w * sv})
	if sv < 1 {
		p.branches = append(p.branches, branch{from: from, to: to, op: opShared, w: w * (1 - sv)})
	}
}

// sideBySide is how much more likely a write of several commands is where as many callers had their replies at once, than
// one of that size is at all.
func sideBySide(p *pass, st *step) float64 {
	if st.callers > 1 && st.callers == st.n {
		return 0.5 / p.sizes.chance(st.n)
	}
	return 1
}

// together counts for each write the callers whose replies came since the write before: on a connection of many callers
// they go on together, in one write.
func together(v *view) {
	for i := 1; i < len(v.steps); i++ {
		st, before := &v.steps[i], &v.steps[i-1]
		for j := i - 1; j >= 0 && j >= i-8; j-- {
			s := &v.steps[j]
			if s.n == 0 || s.own < 0 {
				continue
			}
			at := v.at[s.own+s.n-1]
			if at <= before.t && j < i-1 {
				break
			}
			if at > before.t && at <= st.first {
				st.callers += max(1, s.callers)
			}
		}
	}
}
