package reader

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// explain appends the ways in which a hypothesis explains a step.
func (p *pass) explain(from int32, h *state, i int, st *step) {
	v := p.v
	if st.n == 0 {
		p.branches = append(p.branches, branch{from: from, to: h.read, w: 1, op: opIdle})
		return
	}
	gap := max(0, st.next-st.t)
	if h.kind == client.Shares {
		shares(p, from, i, st, gap)
		return
	}
	first := len(p.branches)
	fam := h.kind.Family()
	par := p.par[fam]
	s := v.start(h, st)
	last := s + st.n - 1
	if v.could(last, st) {
		p.completed(from, h, i, st, s, par)
	}
	if !st.blocking || !v.could(last, st) {
		p.gaveUp(from, h, i, st, s, gap, par)
	}
	if h.kind == client.HoldsBack {
		heldBack(p, first, h, st, s)
	}
	if h.kind == client.Discards {
		f := sideBySide(p, st)
		for b := first; b < len(p.branches); b++ {
			p.branches[b].to = st.own + st.n
			p.branches[b].w *= f
		}
	}
	sum := 0.0
	for b := first; b < len(p.branches); b++ {
		sum += p.branches[b].w
	}
	switch {
	case sum >= unexplains && !v.far: // at the client it left when it was seen
	case coalesced(p, h, st, s):
		apart(p, from, st, s, gap)
	case sum < unexplains:
		w := unexplains
		if st.what != nextNothing {
			w *= client.Broad(gap)
		}
		to := s + st.n // several writes of one caller, or of several: all are read in the end
		if !h.kind.Healthy() {
			to = min(to, st.own+st.n)
		} else {
			to = st.own + st.n
		}
		p.branches = append(p.branches, branch{from: from, to: to, w: w, op: opUnknown})
	}
}

// start is where the reader of a step begins.
func (v *view) start(h *state, st *step) int32 {
	s := h.read
	switch {
	case h.kind == client.Discards, st.drains:
		return st.own
	case h.kind == client.Forgets: // what came while nobody waited is dropped
		for s < st.own && (s < 0 || v.at[s] < st.t && v.end[s] <= st.ack) {
			s++
		}
	}
	return min(s, st.own)
}

// could reports whether reply i, which may be from before the capture, could be read before the next sign of life.
func (v *view) could(i int32, st *step) bool { return i < 0 || v.delivered(i, st) }

// moment is when reply i was delivered; those from before the capture were there from the start.
func (v *view) moment(i int32) float64 {
	if i < 0 {
		return math.Inf(-1)
	}
	return v.at[i]
}

// completed: the last reply that this reader takes was there before the next sign of life.
func (p *pass) completed(from int32, h *state, i int, st *step, s int32, par *client.Params) {
	v := p.v
	have := v.moment(s + st.n - 1)
	wait := max(0, have-st.t)
	x := max(st.next-max(have, st.t), v.floor)
	if h.kind == client.HoldsBack {
		x = perCall(p, x, s+st.n, max(have, st.t))
	}
	sv := waited(p, h.kind.Family(), st, s+st.n-1, wait)
	lk := sv
	found := unread(v, h, st, s+st.n)
	switch {
	case st.what == nextNothing:
		if found {
			lk *= checkedThen(st)
		}
	case st.untimed():
	case found && !p.o.Without.Has(TermChecks):
		lk *= checkedThen(st) * wroteAgain(p, par, st, max(have, st.t), x)
	case st.what == nextWrite:
		lk *= wroteAgain(p, par, st, max(have, st.t), x)
	default:
		lk *= client.Broad(x)
	}
	if st.what != nextNothing && !found && !st.farewell {
		if c := closing(par, readAs(v, st, s), p.o); st.ended() {
			lk *= c
		} else {
			lk *= 1 - c
		}
	}
	if st.n > 1 && s != st.own && !p.o.Without.Has(TermContent) {
		if j := refused(v, st, s); j >= 0 {
			p.branches = append(p.branches, stopped(p, from, st, s, j, par, sv))
			lk *= 1 - par.Abort
		}
	}
	p.branches = append(p.branches, branch{
		from: from, to: s + st.n, reads: st.n, op: opCompleted, w: lk, lo: wait, turn: float32(x), hi: -math.Log(max(1e-4, sv)),
	})
}

// gaveUp: the caller stopped waiting after m replies, somewhere before the next one was there.
func (p *pass) gaveUp(from int32, h *state, i int, st *step, s int32, gap float64, par *client.Params) {
	v := p.v
	fam := h.kind.Family()
	pat := p.pat[fam]
	for m := range st.n {
		lo := 0.0
		if m > 0 {
			lo = max(0, v.moment(s+m-1)-st.t)
			if !v.could(s+m-1, st) {
				break
			}
		}
		hi := gap
		there := v.could(s+m, st)
		if there {
			hi = min(hi, v.moment(s+m)-st.t)
		}
		if hi <= lo || hi <= 0 || s+m == st.own && !h.kind.Healthy() && unwitnessed(v, st, s+m) && !p.o.Without.Has(TermLoss) {
			continue
		}
		seen := 1.0
		if !p.o.Without.Has(TermTooSoon) && !slow(p, h, v.moment(s+m)-st.t, there) {
			came := v.moment(s+m) - st.t
			if seen = p.gate.allows(st, gap, came, there); seen == 0 {
				continue
			}
			if there && s == st.own {
				seen *= p.gate.hides(came)
			}
		}
		act := seen * acts(par, h.kind, st)
		if p.o.Without.Has(TermActs) {
			act = seen / 2
		}
		turn := client.TurnUse
		if unread(v, h, st, s+m) && !p.o.Without.Has(TermChecks) {
			act = seen * checkedThen(st)
		} else if st.ended() {
			turn = client.TurnEnd
		}
		var w float64
		if st.untimed() && st.what != nextNothing {
			w = pat.Idle(lo, hi, par.Turn[client.TurnUse])
		} else if st.what == nextNothing {
			w = pat.Idle(lo, hi, par.Turn[client.TurnUse])
			if !there && m == st.n-1 || !there && !(int(s+m) < len(v.at) && v.moment(s+m) <= st.next) {
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

func (p *pass) share(f client.Family, i int) *client.Share {
	if p.sample[f] == nil {
		return nil
	}
	return p.sample[f].Share(int32(i))
}
