package cluster

import (
	"math/bits"
	"time"
)

// medianSketch estimates a median in fixed memory: a histogram with four buckets to each power of two of microseconds.
type medianSketch struct {
	counts [96]uint32
	N      uint32
}

func (m *medianSketch) Add(d time.Duration) {
	us := uint64(max(d, 0) / time.Microsecond)
	b := 0
	if us >= 4 {
		e := bits.Len64(us) - 3
		b = (e+1)*4 + int(us>>e)&3
	} else {
		b = int(us)
	}
	m.counts[min(b, len(m.counts)-1)]++
	m.N++
}

// median returns the lower bound of the middle bucket; 0 without values.
func (m *medianSketch) Median() time.Duration { return m.Quantile(50) }

// quantile returns the lower bound of the bucket that the given percentage of the values reaches; 0 without values.
func (m *medianSketch) Quantile(percent uint64) time.Duration {
	seen := uint64(0)
	for b, c := range m.counts {
		if seen += uint64(c); c > 0 && seen*100 >= uint64(m.N)*percent {
			return bucketFloor(b)
		}
	}
	return 0
}

func bucketFloor(b int) time.Duration {
	if b < 4 {
		return time.Duration(b) * time.Microsecond
	}
	return time.Duration(uint64(4+b%4)<<(b/4-1)) * time.Microsecond
}
