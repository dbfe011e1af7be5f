package client

import (
	"math/rand/v2"
	"reflect"
	"testing"
)

// TestLevel: what is kept number by number, while there is little of it, counts as what is counted at once.
func TestLevel(t *testing.T) {
	for n := range 2 * maxLessons {
		random := rand.New(rand.NewPCG(1, uint64(n)))
		var l Level
		var want Counts
		for range n {
			d := random.ExpFloat64() / 1000
			for _, c := range []interface {
				AddWait(d, weight float64)
				AddThink(d float64, setUp bool)
				AddGap(d float64)
				CountEnd(closed bool)
			}{&l, &want} {
				switch n := int(d*1e9) % 6; n {
				case 0, 1:
					c.AddThink(d, n == 0)
				case 2:
					c.AddGap(d)
				case 3, 4:
					c.CountEnd(n == 3)
				default:
					c.AddWait(d, 1)
				}
			}
		}
		var sum Counts
		l.AddTo(&sum)
		if !reflect.DeepEqual(&sum, &want) {
			t.Fatalf("%d numbers: the sum differs", n)
		}
		if got, of := l.Think().Median(), NewDensity(&want.Think, &flat, flatWeight).Median(); got != of {
			t.Fatalf("%d numbers: think time %v, want %v", n, got, of)
		}
		if (l.full == nil) != (n <= maxLessons) {
			t.Fatalf("%d numbers: a histogram %v", n, l.full != nil)
		}
		if got := l.Counts(); !reflect.DeepEqual(got, &want) || len(l.few) != 0 {
			t.Fatalf("%d numbers: the counts differ", n)
		}
	}
}
