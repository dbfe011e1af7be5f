package idle

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type thing struct{ place Place[thing] }

// TestList compares the list with a slice, over any order of what becomes idle and what is used again.
func TestList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var l List[thing]
	var want []*thing
	all := make([]thing, 6)
	for range 2000 {
		x := &all[random.IntN(len(all))]
		if i := slices.Index(want, x); i >= 0 {
			l.Add(x, &x.place) // listed already: nothing happens
			l.Remove(&x.place)
			want = slices.Delete(want, i, i+1)
		} else {
			l.Remove(&x.place) // not listed: nothing happens
			l.Add(x, &x.place)
			want = append(want, x)
		}
		var forward, back []*thing
		for p := l.first; p != nil && len(forward) <= len(all); p = p.after {
			forward = append(forward, p.of)
		}
		for p := l.last; p != nil && len(back) <= len(all); p = p.before {
			back = append(back, p.of)
		}
		slices.Reverse(back)
		if !slices.Equal(forward, want) || !slices.Equal(back, want) {
			t.Fatalf("forward %d, back %d, want %d of them in order", len(forward), len(back), len(want))
		}
		if first := l.First(); len(want) == 0 && first != nil || len(want) > 0 && first != want[0] {
			t.Fatal("the first is not the one that is idle for longest")
		}
	}
}
