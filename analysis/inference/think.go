package inference

import "github.com/respsniff/respsniff/analysis/client"

// ThinkTime is the density of writing again x after a reply was had. After a command of the set-up the next one follows
// at once, so that has a distribution of its own.
func ThinkTime(par *client.Params, st *Step, x float64) float64 {
	if st.SetUp {
		return par.SetUp.At(x)
	}
	return par.Think.At(x)
}

// wroteAgain is the density of the next write for a caller that had its reply at have, x before it. Where the client was
// silent on all its connections until a reply came, its callers were busy elsewhere, waiting for the same server, and the
// next write follows that reply instead.
func wroteAgain(p *Pass, par *client.Params, st *Step, have, x float64) float64 {
	if p.Without.Has(TermThink) {
		return client.Broad(x)
	}
	q := ThinkTime(par, st, x)
	if p.Without.Has(TermPause) {
		return q
	}
	if at, ok := resumed(p.v, st, have); ok {
		q = max(q, resumes*ThinkTime(par, st, max(st.Next-at, p.v.Floor)))
	}
	return q
}

// resumes is the chance that a silent client goes on with the reply that ends the silence.
const resumes = 0.3

// resumed returns when the step's own reply ended a silence of the client, on all its connections, for most of the time
// since the given moment.
func resumed(v *View, st *Step, since float64) (at float64, ok bool) {
	if !st.Have || st.N == 0 {
		return 0, false
	}
	last := st.Own + st.N - 1
	at = v.At[last]
	return at, at > since && float64(v.Quiet[last]) > max(0.5*(at-since), v.Silence)
}
