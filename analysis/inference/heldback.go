package inference

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// Some clients, hiredis above all, write a command only when they need the network: a call whose reply is already in the
// reader's memory returns at once, and its command leaves together with the next one. While every caller gets its own
// reply that never happens. Once a reply was given up it happens at every call that finds an older one in memory, so that
// the sizes of the writes count how far behind the client is.

// readLag is how long after the moment that it was called a read may still pick up what arrives, s.
const readLag = 1e-3

// surprise is the chance of a write of another size than the reader's memory predicts.
const surprise = 0.01

// heldBack holds the size of a write against what the reader's memory predicts, for the branches from first on, and sets
// what is in its memory afterwards.
func heldBack(p *Pass, first int, h *State, st *Step, s int32) {
	f := 1.0
	switch {
	case st.N == h.held+1 && h.held > 0:
		f = (1 - surprise) / p.Sizes.chance(st.N)
	case st.N == 1 && h.held == 0:
	default:
		if h.held > 0 {
			f = surprise
		}
	}
	end := len(p.branches)
	for b := first; b < end; b++ {
		br := &p.branches[b]
		br.w *= f
		if br.op != opCompleted {
			continue
		}
		last := s + st.N - 1
		at := max(p.v.moment(last), st.Last)
		lo, hi := arrived(p.v, last+1, at, st), arrived(p.v, last+1, at+readLag, st)
		br.held = lo
		if hi > lo {
			other := *br
			br.w /= 2
			other.w /= 2
			other.held = hi
			p.branches = append(p.branches, other)
		}
	}
}

// arrived counts the replies from i on that had been delivered by at.
func arrived(v *View, i int32, at float64, st *Step) (n int32) {
	for ; int(i) < len(v.At) && (i < 0 || v.At[i] <= at && v.At[i] <= st.Next); i++ {
		n++
	}
	return n
}

// perCall is the think time of one call where those that follow find their replies in memory: they are not seen.
func perCall(p *Pass, x float64, next int32, at float64) float64 {
	n := int32(0)
	for i := next; int(i) < len(p.v.At) && p.v.moment(i) <= at; i++ {
		n++
	}
	return x / float64(n+1)
}

// slow reports whether a reply may have been given up unseen by a reader that holds commands back: the sizes of its writes
// tell, so that a reply later than usual is enough.
func slow(p *Pass, h *State, came float64, there bool) bool {
	return h.kind == client.HoldsBack && there && came > 4*p.Gate.Usual
}

// WriteSizes is how many commands the population's writes hold where nobody is behind.
type WriteSizes struct {
	n   [8]float64
	All float64 // writes
}

// Add counts a write of n commands.
func (w *WriteSizes) Add(n int32) {
	w.n[min(n, int32(len(w.n)))-1]++
	w.All++
}

// SizesOf counts the writes of one connection.
func SizesOf(v *View) *WriteSizes {
	w := &WriteSizes{}
	for i := range v.Steps {
		if n := v.Steps[i].N; n > 0 {
			w.Add(n)
		}
	}
	return w
}

// UsuallyOne reports whether hardly any write holds more than one command where nobody is behind.
func (w *WriteSizes) UsuallyOne() bool { return w.All-w.n[0] < 0.05*w.All }

// Several is the share of the writes that hold more than one command.
func (w *WriteSizes) Several() float64 {
	if w.All == 0 {
		return 0
	}
	return 1 - w.n[0]/w.All
}

// chance is that of a write of n commands; sizes that were never seen have next to none.
func (w *WriteSizes) chance(n int32) float64 {
	return math.Min(1, (w.n[min(n, int32(len(w.n)))-1]+0.1)/(w.All+1))
}
