package client

import "math"

// Hist counts durations by coarse bins.
type Hist [NumCoarse]float64

// Add counts a duration with a weight.
func (h *Hist) Add(x, weight float64) { h[Coarse(x)] += weight }

// AddHist adds another histogram.
func (h *Hist) AddHist(o *Hist, weight float64) {
	for i, v := range o {
		h[i] += weight * v
	}
}

// Sum returns the sum of the weights.
func (h *Hist) Sum() (s float64) {
	for _, v := range h {
		s += v
	}
	return s
}

// kernelWidth is the standard deviation, in bins, by which counts are smoothed: a factor of about two. Programs are not
// as exact as a handful of observations makes them look.
const kernelWidth = 3.7

var kernel = gaussian(kernelWidth)

func gaussian(sigma float64) []float64 {
	n := int(3*sigma) + 1
	k := make([]float64, 2*n+1)
	sum := 0.0
	for i := range k {
		d := float64(i-n) / sigma
		k[i] = math.Exp(-d * d / 2)
		sum += k[i]
	}
	for i := range k {
		k[i] /= sum
	}
	return k
}

// smooth convolves src with a kernel of odd length.
func smooth(dst, src *Hist, k []float64) {
	*dst = Hist{}
	half := len(k) / 2
	for i, v := range src {
		if v == 0 {
			continue
		}
		for j, w := range k {
			if at := i + j - half; at >= 0 && at < NumCoarse {
				dst[at] += v * w
			}
		}
	}
}

// Density is the distribution of a duration. A tenth of it is the same for each order of magnitude: no single
// observation, however odd, is worth more than its distance from that.
type Density struct {
	at    [NumCoarse]float64
	cdf   [NumCoarse + 1]float64
	total float64 // counts, and what the prior is worth
}

// outlier is the share of a density that stands for "something else happened".
const outlier = 0.1

// flat is the shape of a duration of which nothing is known.
var flat = func() (h Hist) {
	for i := range h {
		h[i] = 1.0 / NumCoarse
	}
	return
}()

// NewDensity estimates a distribution from counts; prior is its shape before any, worth weight counts.
func NewDensity(counts, prior *Hist, weight float64) *Density {
	var x Hist
	smooth(&x, counts, kernel)
	x.even()
	s := x.Sum()
	d := &Density{total: s + weight}
	for i := range x {
		p := (x[i] + weight*prior[i]) / (s + weight)
		d.at[i] = (1-outlier)*p/widths[i] + outlier*broad[i]
		d.cdf[i+1] = d.cdf[i] + d.at[i]*widths[i]
	}
	return d
}

// even spreads smoothed counts as if all bins were of one size by the logarithm.
func (h *Hist) even() {
	before, after := h.Sum(), 0.0
	for i := range h {
		h[i] *= widths[i] / logWidths[i]
		after += h[i]
	}
	if after > 0 {
		for i := range h {
			h[i] *= before / after
		}
	}
}

// shape returns the smoothed, normalised counts with weight more spread evenly.
func shape(counts *Hist, weight float64) *Hist {
	x := &Hist{}
	smooth(x, counts, kernel)
	s := x.Sum() + weight
	for i := range x {
		x[i] = (x[i] + weight*flat[i]) / s
	}
	return x
}

// At returns the density at x, per second.
func (d *Density) At(x float64) float64 {
	i := Coarse(x)
	return d.at[i] * within(i, x)
}

// within scales the mean density of a bin to a place in it: durations are even by order of magnitude there. Without it
// times that differ by a hundredth would differ by a fifth in their density where a bin ends.
func within(i int, x float64) float64 {
	if i == 0 || i == NumCoarse-1 {
		return 1
	}
	return logWidths[i] / x
}

// Others returns the density at x as the other observations say, of which x is one, counted with a weight.
func (d *Density) Others(x, own float64) float64 {
	i := Coarse(x)
	left := d.total - own
	if left <= 0 {
		return outlier * broad[i]
	}
	p := ((d.at[i]-outlier*broad[i])*widths[i]/(1-outlier)*d.total - own*kernel[len(kernel)/2]) / left
	return ((1-outlier)*max(p, 0)/widths[i] + outlier*broad[i]) * within(i, x)
}

// CDF returns the chance of at most x.
func (d *Density) CDF(x float64) float64 {
	if x <= 0 {
		return 0
	}
	i := Coarse(x)
	return d.cdf[i] + d.at[i]*(min(x, edges[i+1])-edges[i])
}

// Median returns the lower edge of the bin in which half of the distribution lies below.
func (d *Density) Median() float64 {
	for i, c := range d.cdf {
		if c >= d.cdf[NumCoarse]/2 {
			return edges[max(i-1, 0)]
		}
	}
	return 0
}
