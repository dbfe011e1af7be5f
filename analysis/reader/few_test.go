package reader

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

// paces are think times well above the round trip: callers that share a connection hardly ever meet outside stalls.
var paces = map[string]func(*rand.Rand) float64{
	"even":        func(r *rand.Rand) float64 { return 0.05 + 0.35*r.Float64() },
	"exponential": func(r *rand.Rand) float64 { return 0.15 * r.ExpFloat64() },
	"one in turn": func(r *rand.Rand) float64 { return 0.25 + 0.02*r.Float64() },
}

// fewCallers is a client whose connections have a few independent callers each: while the server stands still their
// commands lie there together, as many as there are callers, and nowhere else.
func fewCallers(callers int, pace string, seed int64) sim {
	w := sim{kind: client.Shares, callers: callers, thinks: paces[pace], conns: 8, calls: 130, rtt: 0.0002, stalls: 1, healthy: 3, shortest: 0.05, seed: seed}
	if seed%2 == 0 {
		w.timeout = 0.4
	}
	return w
}

// Few callers on a connection that hardly ever meet outside stalls look like callers that gave up there, and are not.
func TestFewCallersOnAConnectionAreNotAccused(t *testing.T) {
	for pace := range paces {
		for callers := 2; callers <= 5; callers++ {
			for seed := range int64(3) {
				t.Run(fmt.Sprintf("%d %s %d", callers, pace, seed), func(t *testing.T) {
					w := fewCallers(callers, pace, seed)
					if _, _, said, _, _ := w.tally(w.run(t)); said > 0 {
						t.Errorf("%d callers said to have read another's reply", said)
					}
				})
			}
		}
	}
}

// … and a pool that gives up in the same stalls is found. One whose calls follow one another by a clock is not: its writes
// come in time whether the server stands still or not.
func TestPoolsThatGiveUpInTheSameStallsAreFound(t *testing.T) {
	for _, pace := range []string{"even", "exponential"} {
		for seed := range int64(6) {
			t.Run(fmt.Sprintf("%s %d", pace, seed), func(t *testing.T) {
				w := fewCallers(1, pace, seed)
				w.kind, w.timeout = client.Keeps, 0.2
				misread, found, said, wrong, _ := w.tally(w.run(t))
				if misread < 100 || found < misread*85/100 || wrong*50 > said {
					t.Errorf("%d callers misread: %d found, %d said, %d of these wrong", misread, found, said, wrong)
				}
			})
		}
	}
}
