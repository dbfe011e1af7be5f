package inference

import "github.com/respsniff/respsniff/analysis/client"

// ended reports whether the client took leave of the connection after a step: a close, or the QUIT that comes before it.
func (st *Step) ended() bool { return st.What == NextClose || st.QuitNext }

// readAs says whose replies the caller of a step read from place s on: 0 its own, 1 another's, 2 another's of a class
// that its parser refuses.
func readAs(v *View, st *Step, s int32) int {
	if s == st.Own {
		return client.EndsOwn
	}
	if last := s + st.N - 1; last >= 0 && v.Type[last].clashes(v.Type[st.Own+st.N-1]) {
		return client.EndsRefused
	}
	return client.EndsOdd
}

// closing is the chance that a connection is closed right after a reply was read: callers that got another's reply find
// errors and close more often.
func closing(par *client.Params, as int, without Terms) float64 {
	if without.Has(TermEnds) {
		as = client.EndsOwn
	}
	return par.Closing[as]
}
