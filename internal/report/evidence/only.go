package evidence

import (
	"iter"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/reassembly"
)

// Certainty sums the confidence levels of findings.
func Certainty(found []incident.Finding) (n int) {
	for i := range found {
		n += int(found[i].Confidence)
	}
	return n
}

// Only passes on the segments of some connections.
func Only(segments iter.Seq2[*reassembly.Segment, error], conns []int64) iter.Seq2[*reassembly.Segment, error] {
	wanted := map[int64]bool{}
	for _, c := range conns {
		wanted[c] = true
	}
	return func(yield func(*reassembly.Segment, error) bool) {
		for seg, err := range segments {
			if err == nil && !wanted[seg.Conn.ID] {
				continue
			}
			if !yield(seg, err) {
				return
			}
		}
	}
}
