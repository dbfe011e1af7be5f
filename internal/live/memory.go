package live

import "runtime/metrics"

// memoryShare of the memory limit in use begins the analysis anew: what is left is for outputs and evidence, and for the
// collector to work in.
const memoryShare = 0.75

// memoryUsed returns the bytes that a collection would not give back: what the latest one found in use, and what is no heap.
// Garbage does not count: how much of it gathers is up to the collector, which keeps below the limit by itself.
func memoryUsed() float64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	metrics.Read(s)
	used := s[0].Value.Uint64() + s[5].Value.Uint64()
	for _, x := range s[1:5] {
		used -= x.Value.Uint64()
	}
	return float64(used)
}
