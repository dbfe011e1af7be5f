package inference

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// explain appends the ways in which a hypothesis explains a step.
func (p *Pass) explain(from int32, h *State, i int, st *Step) {
	v := p.v
	if st.N == 0 {
		p.branches = append(p.branches, branch{from: from, to: h.Read, w: 1, op: opIdle})
		return
	}
	gap := max(0, st.Next-st.Last)
	if h.kind == client.Shares {
		shares(p, from, h, i, st, gap)
		return
	}
	first := len(p.branches)
	fam := h.kind.Family()
	par := p.Params[fam]
	s := v.start(h, st)
	last := s + st.N - 1
	if v.could(last, st) {
		p.completed(from, h, i, st, s, par)
	}
	if !st.Blocking || !v.could(last, st) {
		p.gaveUp(from, h, i, st, s, gap, par)
	}
	if h.kind == client.HoldsBack {
		heldBack(p, first, h, st, s)
	}
	if h.kind == client.Discards {
		f := sideBySide(p, st)
		for b := first; b < len(p.branches); b++ {
			p.branches[b].to = st.Own + st.N
			p.branches[b].w *= f
		}
	}
	sum := 0.0
	for b := first; b < len(p.branches); b++ {
		sum += p.branches[b].w
	}
	switch {
	case sum >= unexplains && !v.Far: // at the client it left when it was seen
	case coalesced(p, h, st, s):
		apart(p, from, st, s, gap)
	case sum < unexplains:
		w := unexplains
		if st.What != NextNothing {
			w *= client.Broad(gap)
		}
		to := s + st.N // several writes of one caller, or of several: all are read in the end
		if !h.kind.Healthy() {
			to = min(to, st.Own+st.N)
		} else {
			to = st.Own + st.N
		}
		p.branches = append(p.branches, branch{from: from, to: to, w: w, op: opUnknown})
	}
}

// start is where the reader of a step begins.
func (v *View) start(h *State, st *Step) int32 {
	s := h.Read
	switch {
	case h.kind == client.Discards, st.Drains:
		return st.Own
	case h.kind == client.Forgets: // what came while nobody waited is dropped
		for s < st.Own && (s < 0 || v.At[s] < st.Last && v.End[s] <= st.Ack) {
			s++
		}
	}
	return min(s, st.Own)
}

// could reports whether reply i, which may be from before the capture, could be read before the next sign of life.
func (v *View) could(i int32, st *Step) bool { return i < 0 || v.Delivered(i, st) }

// moment is when reply i was delivered; those from before the capture were there from the start.
func (v *View) moment(i int32) float64 {
	if i < 0 {
		return math.Inf(-1)
	}
	return v.At[i]
}

// completed: the last reply that this reader takes was there before the next sign of life.
func (p *Pass) completed(from int32, h *State, i int, st *Step, s int32, par *client.Params) {
	v := p.v
	have := v.moment(s + st.N - 1)
	wait := max(0, have-st.Last)
	x := max(st.Next-max(have, st.Last), v.Floor)
	if h.kind == client.HoldsBack {
		x = perCall(p, x, s+st.N, max(have, st.Last))
	}
	sv := waited(p, h.kind.Family(), st, s+st.N-1, wait)
	lk := sv
	found := unread(v, h, st, s+st.N)
	switch {
	case st.What == NextNothing:
		if found {
			lk *= checkedThen(st)
		}
	case st.untimed():
	case found && !p.Without.Has(TermChecks):
		lk *= checkedThen(st) * wroteAgain(p, par, st, max(have, st.Last), x)
	case st.What == NextWrite:
		lk *= wroteAgain(p, par, st, max(have, st.Last), x)
	default:
		lk *= client.Broad(x)
	}
	if st.What != NextNothing && !found && !st.Farewell {
		if c := closing(par, readAs(v, st, s), p.Without); st.ended() {
			lk *= c
		} else {
			lk *= 1 - c
		}
	}
	if st.N > 1 && s != st.Own && !p.Without.Has(TermContent) {
		if j := refused(v, st, s); j >= 0 {
			p.branches = append(p.branches, stopped(p, from, st, s, j, par, sv))
			lk *= 1 - par.Abort
		}
	}
	p.branches = append(p.branches, branch{
		from: from, to: s + st.N, reads: st.N, op: opCompleted, w: lk, lo: wait, turn: float32(x), hi: -math.Log(max(1e-4, sv)),
	})
}

// gaveUp: the caller stopped waiting after m replies, somewhere before the next one was there.
func (p *Pass) gaveUp(from int32, h *State, i int, st *Step, s int32, gap float64, par *client.Params) {
	v := p.v
	fam := h.kind.Family()
	pat := p.Patience[fam]
	for m := range st.N {
		lo := 0.0
		if m > 0 {
			lo = max(0, v.moment(s+m-1)-st.Last)
			if !v.could(s+m-1, st) {
				break
			}
		}
		hi := gap
		there := v.could(s+m, st)
		if there {
			hi = min(hi, v.moment(s+m)-st.Last)
		}
		if hi <= lo || hi <= 0 || s+m == st.Own && !h.kind.Healthy() && v.Unwitnessed(st, s+m) && !p.Without.Has(TermLoss) {
			continue
		}
		seen := 1.0
		if !p.Without.Has(TermTooSoon) && !slow(p, h, v.moment(s+m)-st.Last, there) {
			came := v.moment(s+m) - st.Last
			if seen = p.Gate.allows(st, gap, came, there); seen == 0 {
				continue
			}
			if there && s == st.Own {
				seen *= p.Gate.hides(came)
			}
		}
		act := seen * acts(par, h.kind, st)
		if p.Without.Has(TermActs) {
			act = seen / 2
		}
		turn := client.TurnUse
		if unread(v, h, st, s+m) && !p.Without.Has(TermChecks) {
			act = seen * checkedThen(st)
		} else if st.ended() {
			turn = client.TurnEnd
		}
		var w float64
		if st.untimed() && st.What != NextNothing {
			w = pat.Idle(lo, hi, par.Turn[client.TurnUse])
		} else if st.What == NextNothing {
			w = pat.Idle(lo, hi, par.Turn[client.TurnUse])
			if !there && m == st.N-1 || !there && !(int(s+m) < len(v.At) && v.moment(s+m) <= st.Next) {
				w++
			}
			act = 1
		} else {
			w = pat.GaveUp(gap, lo, hi, par.Turn[turn], p.share(fam, i))
		}
		if w > 0 {
			p.branches = append(p.branches, branch{from: from, to: s + m, reads: m, op: opGaveUp, w: w * act, lo: lo, hi: hi})
		}
	}
}

func (p *Pass) share(f client.Family, i int) *client.Share {
	if p.Samples[f] == nil {
		return nil
	}
	return p.Samples[f].Share(int32(i))
}
