package reader

import "github.com/respsniff/respsniff/analysis/client"

// thinkTime is the density of writing again x after a reply was had. After a command of the set-up the next one follows
// at once, so that has a distribution of its own.
func thinkTime(par *client.Params, st *step, x float64) float64 {
	if st.setup {
		return par.SetUp.At(x)
	}
	return par.Think.At(x)
}

// wroteAgain is the density of the next write for a caller that had its reply at have, x before it. Where the client was
// silent on all its connections until a reply came, its callers were busy elsewhere, waiting for the same server, and the
// next write follows that reply instead.
func wroteAgain(p *pass, par *client.Params, st *step, have, x float64) float64 {
	if p.o.Without.Has(TermThink) {
		return client.Broad(x)
	}
	q := thinkTime(par, st, x)
	if p.o.Without.Has(TermPause) {
		return q
	}
	if at, ok := resumed(p.v, st, have); ok {
		q = max(q, resumes*thinkTime(par, st, max(st.next-at, p.v.floor)))
	}
	return q
}

// resumes is the chance that a silent client goes on with the reply that ends the silence.
const resumes = 0.3

// resumed returns when the step's own reply ended a silence of the client, on all its connections, for most of the time
// since the given moment.
func resumed(v *view, st *step, since float64) (at float64, ok bool) {
	if !st.have || st.n == 0 {
		return 0, false
	}
	last := st.own + st.n - 1
	at = v.at[last]
	return at, at > since && float64(v.quiet[last]) > max(0.5*(at-since), v.silence)
}
