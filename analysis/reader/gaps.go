package reader

import "github.com/respsniff/respsniff/analysis/client"

// shares explains a step by many callers: writes follow one another without regard to replies, and each waiter gets its
// own reply or gives up.
func shares(p *pass, from int32, st *step, gap float64) {
	par := p.par[client.Shared]
	w := 1.0
	switch st.what {
	case nextWrite:
		w = par.Gaps.Others(max(gap, p.v.floor), 1)
		if st.have && st.wait > p.v.pause {
			// All callers of the connection may have been waiting: then the next write is of one that got its reply.
			x := max(st.next-p.v.at[st.own+st.n-1], p.v.floor)
			w = w/2 + thinkTime(p.par[client.Dropped], st, x)/2
		}
	case nextClose:
		w = client.Broad(max(gap, p.v.floor))
	}
	if st.what != nextNothing && !st.farewell {
		if c := closing(par, client.EndsOwn, p.o); st.ended() {
			w *= c
		} else {
			w *= 1 - c
		}
	}
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
