package inference

import "github.com/respsniff/respsniff/analysis/client"

// refused returns the first reply of a batch read from s on that is of a class which a parser refuses, or -1; the last
// one has no consequence for the batch.
func refused(v *View, st *Step, s int32) int32 {
	for j := range st.N - 1 {
		if s+j < 0 {
			continue
		}
		if v.Type[s+j].clashes(v.Type[st.Own+j]) {
			return j
		}
	}
	return -1
}

// stopped: the reading of a batch ended at a reply of the wrong class, and what follows was left.
func stopped(p *Pass, from int32, st *Step, s, j int32, par *client.Params, sv float64) branch {
	at := p.v.moment(s + j)
	x := max(st.Next-max(at, st.Last), p.v.Floor)
	w := par.Abort * p.Patience[client.Unread].Survive(max(0, at-st.Last))
	switch st.What {
	case NextWrite:
		w *= par.Turn[client.TurnUse].At(x)
	case NextClose:
		w *= client.Broad(x)
	}
	return branch{from: from, to: s + j + 1, reads: j + 1, op: opStopped, w: w}
}
