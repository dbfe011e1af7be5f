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

// Connections that differ little lie apart in the table.
func TestTableSpreads(t *testing.T) {
	for name, ends := range map[string]func(i int) (src, dst endpoint){
		"ports": func(i int) (endpoint, endpoint) { return endpoint4(0x0a000001, uint16(i)), endpoint4(0x0a000100, 6379) },
		"addresses": func(i int) (endpoint, endpoint) {
			return endpoint4(0x0a000000+uint32(i), 40000), endpoint4(0x0a000100, 6379)
		},
		"servers": func(i int) (endpoint, endpoint) {
			return endpoint4(0x0a000001, uint16(i)), endpoint4(0x0a000100+uint32(i%16), 6379+uint16(i%7))
		},
		"loopback": func(i int) (endpoint, endpoint) { return endpoint4(0x7f000001, uint16(i)), endpoint4(0x7f000001, 6379) },
	} {
		for range 5 {
			table := table{flows: &slabs{}, seed: rand.Uint64()}
			table.grow()
			const flows = 48000
			for i := range flows {
				f := table.flows.take()
				src, dst := ends(i)
				f.pair = (&packet{src: src, dst: dst}).pair()
				table.insert(f)
			}
			far := 0
			for at, e := range table.entries {
				if e.index != 0 {
					far += int(uint32(at)-e.hash) & (len(table.entries) - 1)
				}
			}
			// A random hash gives 1.4 at this load, 48,000 of 65,536 (Knuth, TAOCP volume 3, section 6.4).
			if mean := float64(far) / flows; mean < 1.2 || mean > 1.6 {
				t.Errorf("%s: %.1f places from home", name, mean)
			}
		}
	}
}
