package stamps

import (
	"math/rand/v2"
	"testing"

	"github.com/respsniff/respsniff/reassembly"
)

// clocked is the clocks of a connection with what they found.
type clocked struct {
	Clocks
	Found
}

// TestFollowsReturnsEarly holds what a timestamp leaves that follows takes against what stamp makes of it.
func TestFollowsReturnsEarly(t *testing.T) {
	early, echoed := 0, 0
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var f, g clocked
		clock := [2]uint32{rnd.Uint32(), rnd.Uint32()}
		for frame := range int64(200) {
			who := rnd.IntN(2)
			clock[who] += rnd.Uint32N(2)
			seg := &reassembly.Segment{Frame: frame, Header: reassembly.Header{HasTS: true, TSVal: clock[who], TSEcr: clock[1-who]}}
			switch rnd.IntN(20) {
			case 0:
				seg.TSVal -= rnd.Uint32N(5)
			case 1:
				seg.TSEcr += rnd.Uint32N(5)
			case 2:
				seg.Missing = 3
				f.Hole(who)
				g.Hole(who)
			}
			if seg.Missing == 0 && f.Follows(who, seg) {
				early++
			} else {
				f.Stamp(who, seg, &f.Found)
			}
			if g.Stamp(who, seg, &g.Found); f != g {
				t.Fatalf("seed %d, frame %d:\n%+v\n%+v", seed, frame, f, g)
			}
		}
		echoed += g.Unechoed
	}
	if early < 10000 || echoed < 100 {
		t.Errorf("%d early, %d echoes of packets never captured", early, echoed)
	}
}
