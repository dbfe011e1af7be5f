package reader

import (
	"fmt"
	"testing"

	"github.com/respsniff/respsniff/analysis/client"
)

// worlds are the networks that each kind is played on.
var worlds = []sim{
	{conns: 6, calls: 150, rtt: 0.0001, timeout: 0.15, stalls: 1, healthy: 2},
	{conns: 6, calls: 150, rtt: 0.030, timeout: 0.15, stalls: 1, healthy: 2},
	{conns: 6, calls: 150, rtt: 0.030, timeout: 0.15, stalls: 1, healthy: 0.1, seed: 3},
}

func TestReadersFromMemoryAreFound(t *testing.T) {
	for _, w := range worlds {
		w.kind = client.Keeps
		t.Run(fmt.Sprintf("rtt %v from %v s", w.rtt, w.healthy), func(t *testing.T) {
			rows := w.run(t)
			misread, found, said, wrong, own := w.tally(rows)
			if misread < 100 || found < misread*85/100 || wrong*50 > said || own > 5 {
				t.Errorf("%d callers misread: %d found, %d said, %d of these wrong, %d strongly said to have their own", misread, found, said, wrong, own)
			}
		})
	}
}

// The silent twins: the same traffic by clients that never hand a reply to the wrong caller.
func TestHealthyReadersAreNotAccused(t *testing.T) {
	for _, kind := range []client.Kind{client.Closes, client.Discards, client.Shares} {
		for _, w := range worlds {
			w.kind = kind
			t.Run(fmt.Sprintf("%v rtt %v from %v s", kind, w.rtt, w.healthy), func(t *testing.T) {
				rows := w.run(t)
				misread, _, said, _, _ := w.tally(rows)
				if misread > 0 || said > 0 {
					t.Errorf("%d callers said to have read another's reply", said)
				}
			})
		}
	}
}

func TestPoolsThatCheckAreFound(t *testing.T) {
	w := worlds[0]
	w.kind = client.Checks
	rows := w.run(t)
	misread, found, said, wrong, _ := w.tally(rows)
	if misread < 10 || found*2 < misread || wrong*10 > said {
		t.Errorf("%d callers misread: %d found, %d said, %d of these wrong", misread, found, said, wrong)
	}
}

// A client that takes the waiter out reads another's reply only if that comes while the next caller waits; mostly that
// cannot be told from one that discards, and must not be said strongly.
func TestForgetsIsNotOverstated(t *testing.T) {
	w := worlds[1]
	w.kind = client.Forgets
	rows := w.run(t)
	misread, _, said, wrong, _ := w.tally(rows)
	if misread == 0 || wrong*20 > max(said, 1) {
		t.Errorf("%d callers misread, %d said, %d of these wrong", misread, said, wrong)
	}
}

// Where nobody ever gives up and nothing is slow, all connections settle at their end and nothing is kept.
func TestQuietConnectionsKeepNothing(t *testing.T) {
	w := worlds[0]
	w.kind, w.stalls, w.timeout = client.Keeps, 0, 0
	rows := w.run(t)
	n := 0
	for _, r := range rows {
		for i := range r {
			if n++; r[i].Reply != r[i].Index || r[i].Word < Likely {
				t.Fatalf("%+v", r[i])
			}
		}
	}
	if n != w.conns*w.calls {
		t.Errorf("%d rows", n)
	}
}

// Verdicts do not depend on anything but the input.
func TestVerdictsAreDeterministic(t *testing.T) {
	w := worlds[1]
	w.kind = client.Keeps
	a, b := w, w
	if x, y := fmt.Sprint(a.run(t)), fmt.Sprint(b.run(t)); x != y {
		t.Error("two runs differ")
	}
}

// Judging early, here every 80 commands of a connection, gives up what comes later as evidence, and no more.
func TestEarlyJudgementGoesOn(t *testing.T) {
	w := worlds[1]
	w.kind, w.calls = client.Keeps, 400
	w.hurry = 500
	rows := w.run(t)
	misread, found, said, wrong, _ := w.tally(rows)
	if misread < 100 || found*2 < misread || wrong*10 > said {
		t.Errorf("%d callers misread: %d found, %d said, %d of these wrong", misread, found, said, wrong)
	}
}
