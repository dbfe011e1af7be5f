package inference

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
)

// A client that throws late replies away, or shares a connection, shows nothing when a caller gives up: the next one reads
// its own reply all the same. So "its caller read it" is only sure of waits as long as callers were seen to sit out, and a
// slow reply may have found nobody. What is not known of patience is weighed by an ignorance prior: with the chance
// hidden, callers have a time limit that lies anywhere between the usual time of a reply and longest, evenly by order of
// magnitude; each longer wait that was seen to be sat out counts against it.
const (
	Hidden  = 0.5   // chance of a time limit that nothing shows
	Longest = 100.0 // s
)

// enough is how many waits of a length must have been seen to be sat out before another one surely was.
const enough = 20

// Ignorance is what a population has shown of waits that were sat out.
type Ignorance struct {
	Usual float64         // time to a reply, s
	shown client.Hist     // by coarse bin: waits beyond it that were seen to be sat out
	Turn  *client.Density // think time
}

// See counts a wait that ended with a reply: it was sat out, if a caller that had given up would have gone on before.
// alone is the chance that no other caller was at work on the connection.
func (g *Ignorance) See(wait, alone float64) {
	if wait <= g.Usual {
		return
	}
	for c := client.Coarse(g.Usual); c <= client.Coarse(wait); c++ {
		if d := wait - client.CoarseEdge(c); d > 0 {
			g.shown[c] += alone * g.Turn.CDF(d)
		}
	}
}

// Gone is the chance that the caller of a wait had given up unseen, though the step looks like a read: shared says that the
// next write is of anybody, and says nothing.
func (g *Ignorance) Gone(st *Step, think float64, shared bool) float64 {
	if st.Wait <= g.Usual || g.Usual <= 0 || st.Blocking {
		return 0
	}
	span := math.Log(Longest / g.Usual)
	gave, kept := 0.0, 1.0
	gap := st.Next - st.Last
	for c := client.Coarse(g.Usual); c <= client.Coarse(st.Wait); c++ {
		lo, hi := max(client.CoarseEdge(c), g.Usual), min(client.CoarseEdge(c+1), st.Wait)
		if hi <= lo {
			continue
		}
		p := Hidden * math.Log(hi/lo) / span / (1 + g.shown[c])
		if !shared && st.What == NextWrite {
			p *= g.Turn.At(max(gap-(lo+hi)/2, 0)) / think
		}
		gave += p
		kept -= p
	}
	p := gave / (gave + max(kept, 0.5))
	if st.Wait > 1.5*g.Usual && g.shown[client.Coarse(st.Wait)] < enough {
		p = max(p, 0.05)
	}
	return p
}
