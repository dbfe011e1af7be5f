package idle

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/respsniff/respsniff/capture"
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

// TestRest: what has been idle for Rest is handed over once, in order; what was used meanwhile or is listed anew is not.
func TestRest(t *testing.T) {
	all := make([]thing, 4)
	for i := range all {
		all[i].place = Place[thing]{}
	}
	var l List[thing]
	var gone []*thing
	forget := func(x *thing) { gone = append(gone, x) }
	l.Add(&all[0], &all[0].place) // before the first tick: idle from then on
	start := capture.Time(1e18)
	l.Tick(start, forget)
	l.Tick(start.Add(Rest/2), forget)
	l.Add(&all[1], &all[1].place)
	l.Add(&all[2], &all[2].place)
	if l.Tick(start.Add(Rest-1), forget); len(gone) != 0 {
		t.Fatal("a thing is gone before it has rested")
	}
	if l.Tick(start.Add(Rest), forget); !slices.Equal(gone, []*thing{&all[0]}) {
		t.Fatalf("%d gone, want the first", len(gone))
	}
	l.Remove(&all[1].place)
	l.Add(&all[1], &all[1].place) // used again meanwhile
	again := 0
	l.Tick(start.Add(2*Rest-1), func(x *thing) { again++; l.Add(x, &x.place) })
	if l.Tick(start.Add(2*Rest-1), forget); again != 1 || l.First() != &all[1] || len(gone) != 1 {
		t.Errorf("%d listed anew, %d gone", again, len(gone))
	}
}
