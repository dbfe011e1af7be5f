package analysis

import (
	"fmt"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestLimitsOfPairing reaches each limit of the pairing with a conversation, and with its twin, which is one shorter, not.
func TestLimitsOfPairing(t *testing.T) {
	// several makes commands of one write.
	several := func(n int, command string) string { return strings.TrimSuffix(strings.Repeat(command+" | ", n), " | ") }
	writes := func(conns, n int, text string) string {
		var b strings.Builder
		for c := range conns {
			fmt.Fprintf(&b, "conn c%d 10.0.0.1:%d -> 10.0.0.2:6379\n", c, 40000+c)
		}
		for c := range conns {
			for range n / 50 {
				fmt.Fprintf(&b, "+10us c%d > %s\n", c, several(50, text))
			}
			if n%50 > 0 {
				fmt.Fprintf(&b, "+10us c%d > %s\n", c, several(n%50, text))
			}
		}
		return b.String()
	}
	const one = "conn c 10.0.0.1:40000 -> 10.0.0.2:6379\n"
	for _, c := range []struct {
		name   string
		loses  bound.Loss
		memory int64
		text   func(more int) string // more: 0 or 1
	}{
		{"outstanding commands", bound.Evidence, 0, func(more int) string { return writes(1, 1<<13+more, "GET k") }},
		{"outstanding commands while many connections have some", bound.Evidence, 64 << 20, func(more int) string {
			return writes(17, 256, "GET k") + strings.Repeat("+1ms c0 > GET k\n", more)
		}},
		{"outstanding commands while very many connections have some", bound.Evidence, 64 << 20, func(more int) string {
			return writes(31+more, 256, "GET k") + "+1ms c0 > GET k\n"
		}},
		{"writes while replies contradict their commands", bound.Detail, 0, func(more int) string {
			return one + "1.0 c > GET k\n+1ms c < :1\n" + strings.Repeat("+1ms c > GET l\n", 7+more)
		}},
		{"replies whose command is open", bound.Evidence, 0, func(more int) string {
			return one + "1.0 c > GET k\n+1ms c < " + several(64-1+more, "+PONG") + "\n"
		}},
		{"answered commands of a write that a contradiction looks back at", bound.Detail, 0, func(more int) string {
			n := 16 + more
			return one + "1.0 c > " + several(n+1, "GET k") + "\n+1ms c < " + several(n, "$v") + " | +PONG\n+1s c > GET l => $v\n"
		}},
		{"newest outstanding commands that may be waited for", bound.Detail, 0, func(more int) string {
			return one + "1.0 c > GET k\n" + "+1ms c > " + several(63+more, "BLPOP q 0") + "\n+1ms c > ACK\n"
		}},
		{"commands in flight where a capture begins or lacks bytes", bound.Detail, 0, func(more int) string {
			return strings.TrimSuffix(one, "\n") + " midstream\n1.0 c > GET k\n+1ms c < " + several(9+more, "$v") + "\n+2s c > GET l => $v\n"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for more := range 2 {
				run := NewRun(&Options{Memory: c.memory})
				for _, err := range run.Events(segmentsOf(t, c.text(more))) {
					if err != nil {
						t.Fatal(err)
					}
				}
				var hit *bound.Bound
				for _, b := range run.Bounds().Reached() {
					if b.Name == c.name {
						hit = &b
					}
				}
				if more == 0 && hit != nil || more == 1 && (hit == nil || hit.Loses != c.loses || hit.Hides == "") {
					t.Errorf("%d more: reached %+v", more, run.Bounds().Reached())
				}
			}
		})
	}
}
