package scenario

import (
	"fmt"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Named is a damage with the words for it.
type Named struct {
	Name   string
	Damage Damage
}

// Harmless lists damages that take no evidence away: the same findings must come out. Rerecord changes the clients'
// ports and all times; what identifies a finding does not depend on them.
func Harmless(seed uint64) []Named {
	out := []Named{
		{"cut at random bytes", Resegment(4, seed)},
		{"cut at many random bytes", Resegment(40, seed)},
		{"merged by receive offload", Coalesce()},
		{"merged, then cut", func(p []capture.Packet) []capture.Packet { return Resegment(6, seed)(Coalesce()(p)) }},
		{"three packets reordered within 20 ms", Reorder(0.2, seed)},
		{"file order shuffled within 50 ms", ShuffleFileOrder(seed)},
		{"5 % doubled", Duplicate(0.05, seed)},
		{"all doubled", Duplicate(1, seed)},
		{"5 % sent again without need", SpuriousRetransmit(0.05, seed)},
		{"IP identifiers 0", ZeroIPID()},
		{"recorded again", Rerecord(seed)},
	}
	for _, l := range Links() {
		out = append(out, Named{"link " + l, Relink(l)})
	}
	return out
}

// Lossy lists damages that take evidence away: findings may be lost or weakened, but none may appear that is proven or
// strong.
func Lossy(seed uint64) []Named {
	var out []Named
	for _, p := range []float64{0.01, 0.05, 0.2} {
		out = append(out, Named{fmt.Sprintf("%g %% lost", p*100), DropRate(p, seed)})
	}
	out = append(out, Named{"5 % lost in bursts", DropBursts(0.05, 8, seed)})
	for _, n := range []int{68, 96, 128, 256} {
		out = append(out, Named{fmt.Sprintf("cut to %d bytes", n), Snap(n)})
	}
	return append(out,
		Named{"client only", OneSide(Client)},
		Named{"server only", OneSide(Server)},
		Named{"seen 2 ms from the client", ShiftVantage(2 * time.Millisecond)},
		Named{"no timestamps", NoTimestamps()},
	)
}
