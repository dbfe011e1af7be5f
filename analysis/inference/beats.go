package inference

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
func onBeat(v *View, i int) (period float64, ok bool) {
	if i < beatLooks/2 || v.Steps[i].Have || v.Steps[i].What != NextWrite {
		return 0, false
	}
	st := &v.Steps[i]
	period = st.Next - st.First
	from := max(0, i-beatLooks)
	asked, kept := 0, 0
	a := from
	for b := from + 1; b <= i; b++ {
		want := v.Steps[b].First - period
		if want < v.Steps[from].First-beatJitter*period {
			continue // what was a period before is not kept
		}
		for a < b && v.Steps[a].First < want-beatJitter*period {
			a++
		}
		asked++
		if v.Steps[a].First <= want+beatJitter*period && a < b {
			kept++
		}
	}
	return period, asked >= 3 && float64(kept) >= beatShare*float64(asked)
}
