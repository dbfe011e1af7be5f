package analysis

import (
	"math/bits"
	"time"
)

// medianSketch estimates a median in fixed memory: a histogram with four buckets to each power of two of microseconds.
type medianSketch struct {
	counts [96]uint32
	n      uint32
}

func (m *medianSketch) add(d time.Duration) {
	us := uint64(max(d, 0) / time.Microsecond)
	b := 0
	if us >= 4 {
		e := bits.Len64(us) - 3
		b = (e+1)*4 + int(us>>e)&3
	} else {
		b = int(us)
	}
	m.counts[min(b, len(m.counts)-1)]++
	m.n++
}

// median returns the lower bound of the middle bucket; 0 without values.
func (m *medianSketch) median() time.Duration {
	seen := uint32(0)
	for b, c := range m.counts {
		seen += c
		if c > 0 && seen*2 >= m.n {
			if b < 4 {
				return time.Duration(b) * time.Microsecond
			}
			e := b/4 - 1
			return time.Duration(uint64(4+b%4)<<e) * time.Microsecond
		}
	}
	return 0
}
