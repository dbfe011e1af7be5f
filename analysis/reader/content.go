package reader

import "github.com/respsniff/respsniff/analysis/client"

// refused returns the first reply of a batch read from s on that is of a class which a parser refuses, or -1; the last
// one has no consequence for the batch.
func refused(v *view, st *step, s int32) int32 {
	for j := range st.n - 1 {
		if s+j < 0 {
			continue
		}
		if v.typ[s+j].clashes(v.typ[st.own+j]) {
			return j
		}
	}
	return -1
}

// stopped: the reading of a batch ended at a reply of the wrong class, and what follows was left.
func stopped(p *pass, from int32, st *step, s, j int32, par *client.Params, sv float64) branch {
	at := p.v.moment(s + j)
	x := max(st.next-max(at, st.t), p.v.floor)
	w := par.Abort * p.pat[client.Unread].Survive(max(0, at-st.t))
	switch st.what {
	case nextWrite:
		w *= par.Turn[client.TurnUse].At(x)
	case nextClose:
		w *= client.Broad(x)
	}
	return branch{from: from, to: s + j + 1, reads: j + 1, op: opStopped, w: w}
}
