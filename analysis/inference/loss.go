package inference

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// midstreamPrior is how many replies a connection that began before the capture is taken to owe: nearly all owe none.
var midstreamPrior = [...]float64{0.94, 0.04, 0.01, 0.01}

// lossSpread is the chance that around lost bytes one reply more or fewer was read than is known.
const lossSpread = 0.1

// spread makes the place of each reader uncertain by the replies that lost bytes may have held.
func spread(next []State, own int32) []State {
	before := slices.Clone(next)
	for k, s := range before {
		if s.kind.Healthy() || s.Read == own {
			continue // who is level stays so
		}
		next[k].w -= s.w * lossSpread
		for _, d := range [...]int32{-1, 1} {
			to := min(s.Read+d, own)
			at := slices.IndexFunc(next, func(x State) bool { return x.kind == s.kind && x.Read == to && x.held == s.held })
			if at < 0 {
				next = append(next, State{s.kind, to, s.held, s.callers, 0})
				at = len(next) - 1
			}
			next[at].w += s.w * lossSpread / 2
		}
	}
	return next
}

// Unwitnessed reports whether nothing shows that the caller of a step went on without the reply at a place, where no
// earlier one was owed: what followed was not captured, or when the reply came. The first give-up on a connection must
// have been seen.
func (v *View) Unwitnessed(st *Step, place int32) bool {
	return st.What == NextWrite && !st.Flat && (st.untimed() || st.NextLoss || int(place) < len(v.Vague) && (v.Vague[place] || v.Guessed[place] && v.could(place, st)))
}

// Doubtful reports whether it is not certain which replies serve the commands of a step, and nothing else shows what its
// caller got.
func (v *View) Doubtful(st *Step) bool {
	return st.N > 0 && !st.Flat && (v.Assumed || st.Uncertain || v.Vague[st.Own] || v.Vague[st.Own+st.N-1])
}

// late reports whether only the next write acknowledged a reply of a server that was not captured: when it came is not
// known, and the step says nothing of who waited for it.
func late(v *View, st *Step) bool {
	return v.Assumed && st.What == NextWrite && v.At[st.Own+st.N-1] >= st.Next
}

// After a loss on the way, and where the window is full, calls wait in the client's kernel and leave together in one
// segment: several callers, one after the other, and not one with a batch. It shows where the population writes one command
// at a time, and needs a reader that is behind: else the second caller waits for the first. Which of them gave up, and when
// each was written, is not seen.

// single is the share of writes of one command from which on a population is taken to write no batches.
const single = 0.99

// coalesced reports whether a step is several calls in one segment, to a reader that leaves replies unread and begins at s.
// One that holds commands back writes them together itself.
func coalesced(p *Pass, h *State, st *Step, s int32) bool {
	return st.N > 1 && s < st.Own && !st.SetUp && !h.kind.Healthy() && h.kind != client.HoldsBack &&
		!p.Without.Has(TermLoss) && p.Sizes.n[0] >= single*p.Sizes.All
}

// apart explains a step by separate calls, of which any number was given up.
func apart(p *Pass, from int32, st *Step, s int32, gap float64) {
	w := 1.0
	if st.What != NextNothing {
		w = client.Broad(gap)
	}
	for m := st.N; m >= 0; m-- {
		if m == 0 || p.v.could(s+m-1, st) {
			p.branches = append(p.branches, branch{from: from, to: s + m, w: w, op: opUnknown})
		}
		w *= lossSpread
	}
}
