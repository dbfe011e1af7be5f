package reassembly

import (
	"math/rand/v2"
	"testing"
)

// A sample changes with each bit of the first and last 64 bytes and with the length, and with nothing else.
func TestSample(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for n := range 200 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		want := sample(b)
		for i := range b {
			b[i] ^= 1 << r.IntN(8)
			if edge := i < 64 || i >= n-64; (sample(b) != want) != edge {
				t.Errorf("byte %d of %d: the sample changes: %v", i, n, !edge)
			}
			b[i] = byte(r.Uint32())
			want = sample(b)
		}
		if n > 0 && sample(b[:n-1]) == want {
			t.Errorf("%d and %d bytes have one sample", n, n-1)
		}
	}
	zeros := make([]byte, 200)
	seen := map[uint32]int{}
	for n := range zeros {
		if other, ok := seen[sample(zeros[:n])]; ok {
			t.Errorf("%d and %d zeros have one sample", n, other)
		}
		seen[sample(zeros[:n])] = n
	}
}
