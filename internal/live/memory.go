package live

import "runtime/metrics"

// memoryShare of the memory limit in use begins the analysis anew: what is left is for outputs and evidence.
const memoryShare = 0.75

// memoryUsed returns the bytes that the Go runtime holds, as its soft limit counts them.
func memoryUsed() float64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(s)
	return float64(s[0].Value.Uint64() - s[1].Value.Uint64() - s[2].Value.Uint64())
}
