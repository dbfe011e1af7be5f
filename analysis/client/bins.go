package client

import "math"

// Durations fall into logarithmic bins that are read off the bits of the float64: its exponent, and the first bits of
// the mantissa. Coarse bins (4 an octave, 15 to 25 % wide) hold densities, fine bins (64 an octave, 0.8 to 1.6 % wide)
// hold waits, among which fixed timeouts are looked for.
const (
	coarseShift = 52 - 2
	fineShift   = 52 - 6
	coarseFirst = (1023 - 20) << 2 // 2^-20 s, about 1 us: below the clock of any capture
	fineFirst   = (1023 - 16) << 6 // 2^-16 s, about 15 us: nobody gives up sooner
	NumCoarse   = 28 << 2          // up to 2^8 s
	NumFine     = 24 << 6
)

// Resolution is by how much two durations must differ to be told apart by a density, at least: half a bin of the narrowest.
const Resolution = 1.0 / 16

// Coarse returns the coarse bin of x; the first and the last hold all that lies beyond.
func Coarse(x float64) int {
	if x < 0x1p-20 {
		return 0
	}
	return min(int(math.Float64bits(x)>>coarseShift)-coarseFirst, NumCoarse-1)
}

// Fine returns the fine bin of x.
func Fine(x float64) int {
	if x < 0x1p-16 {
		return 0
	}
	return min(int(math.Float64bits(x)>>fineShift)-fineFirst, NumFine-1)
}

// CoarseEdge returns the lower edge of a coarse bin, 0 of the first.
func CoarseEdge(i int) float64 {
	if i <= 0 {
		return 0
	}
	return math.Float64frombits(uint64(i+coarseFirst) << coarseShift)
}

// FineEdge returns the lower edge of a fine bin.
func FineEdge(i int) float64 {
	return math.Float64frombits(uint64(max(i, 0)+fineFirst) << fineShift)
}

// edges and centers of the coarse bins, and the log-uniform density that stands for "something else happened".
// logWidths are the widths by the logarithm, in units of the center: about the widths.
var edges, centers, widths, logWidths, broad = tables()

func tables() (e [NumCoarse + 1]float64, c, w, l, b [NumCoarse]float64) {
	for i := range e {
		e[i] = CoarseEdge(i)
	}
	for i := range c {
		c[i], w[i] = (e[i]+e[i+1])/2, e[i+1]-e[i]
		l[i] = w[i] / math.Log(e[i+1]/max(e[i], e[i+1]/2))
		b[i] = 1 / (c[i] * math.Log(1e8))
	}
	return
}

// Broad is the density at x of a duration of which nothing is known: the same chance for each order of magnitude.
func Broad(x float64) float64 { return broad[Coarse(x)] }
