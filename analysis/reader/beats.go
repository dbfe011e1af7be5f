package reader

// A timer that goes on whether a reply came or not writes at its own time: that a reply is outstanding then says nothing of
// patience.

// Bounds of what a beat is told from.
const (
	beatLooks  = 16   // writes that are asked
	beatShare  = 0.8  // of them that must have one a period before
	beatJitter = 0.01 // of the period
)

// onBeat reports whether the write after step i, with the reply to it outstanding, came a period after an earlier one: the
// time by which the writes before it follow one another.
func onBeat(v *view, i int) (period float64, ok bool) {
	if i < beatLooks/2 || v.steps[i].have || v.steps[i].what != nextWrite {
		return 0, false
	}
	st := &v.steps[i]
	period = st.next - st.first
	from := max(0, i-beatLooks)
	asked, kept := 0, 0
	a := from
	for b := from + 1; b <= i; b++ {
		want := v.steps[b].first - period
		if want < v.steps[from].first-beatJitter*period {
			continue // what was a period before is not kept
		}
		for a < b && v.steps[a].first < want-beatJitter*period {
			a++
		}
		asked++
		if v.steps[a].first <= want+beatJitter*period && a < b {
			kept++
		}
	}
	return period, asked >= 3 && float64(kept) >= beatShare*float64(asked)
}
