package inference

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// waited is the chance that a caller still waited when its reply came, after wait.
func waited(p *Pass, f client.Family, st *Step, reply int32, wait float64) float64 {
	if st.Blocking || p.Without.Has(TermPatience) {
		return 1
	}
	sv := p.Patience[f].Survive(wait)
	if sv < 0.5 && !p.Without.Has(TermPause) {
		return max(sv, notRunning(p, reply, wait))
	}
	return sv
}

// A client that was stopped together with its timers finds both, the reply and the late timer, when it runs again, and
// may see either first.
const (
	pausePrior = 0.02 // that a silence in the middle of a wait is a stop of the client
	pauseReads = 0.5
	quietShare = 0.5 // of the callers whose timers fire leave no sign of it before their reply comes
)

// notRunning is the chance that the client was stopped during most of a wait and then read the reply: it was silent on all
// its connections until the reply was there. That is one cause for all callers that were waiting then; without it each of
// them must have given up unseen.
func notRunning(p *Pass, reply int32, wait float64) float64 {
	if p.paused == 0 {
		p.paused = -1
		if v := p.v; reply >= 0 && float64(v.Quiet[reply]) > max(0.5*wait, v.Silence) {
			unseen := math.Pow(quietShare, float64(v.Crowd[reply]))
			p.paused = pauseReads * pausePrior / (pausePrior + (1-pausePrior)*unseen)
		}
	}
	return max(p.paused, 0)
}

// acts is the chance of what a client did after a give-up.
func acts(par *client.Params, k client.Kind, st *Step) float64 {
	switch {
	case k == client.Closes && st.What == NextWrite && st.QuitNext:
		return (1 - closesErr) * par.Writes[client.ActCloses]
	case k == client.Closes && st.What == NextWrite:
		return closesErr
	case k == client.Closes && st.What == NextClose:
		return (1 - closesErr) * (1 - par.Writes[client.ActCloses])
	case st.What == NextNothing:
		return 0.5
	}
	w := par.Writes[client.ActUnread]
	if k.Family() == client.Dropped {
		w = par.Writes[client.ActDropped]
	}
	if st.What == NextWrite {
		return w
	}
	return 1 - w
}

// closesErr is how often a client that closes at a give-up is seen to write all the same: a race between two threads.
const closesErr = 0.001
