package capture

import (
	"math"
	"math/bits"
)

// defaultResolution is if_tsresol of an interface without that option: microseconds.
const defaultResolution = 6

// clock turns the time stamps of a pcapng interface into nanoseconds since the epoch.
type clock struct {
	mul    uint64 // nanoseconds of a unit, if it has whole ones
	div    uint64 // units in a nanosecond, if it is finer; 0 if it is too fine for 64 bits
	shift  uint   // a unit is 2^-shift seconds, if binary
	binary bool
	offset int64 // nanoseconds to add
}

// newClock takes if_tsresol (a power of 10, or of 2 with the highest bit set) and if_tsoffset (seconds).
func newClock(resolution byte, offset int64) clock {
	c := clock{offset: mulSat(offset, 1e9)}
	if resolution&0x80 != 0 {
		c.binary, c.shift = true, uint(resolution&0x7f)
		return c
	}
	const nano = 9
	if resolution <= nano {
		c.mul = pow10(nano - int(resolution))
	} else {
		c.div = pow10(int(resolution) - nano)
	}
	return c
}

// time saturates at the ends of Time.
func (c *clock) time(stamp uint64) Time {
	var ns uint64
	switch {
	case c.mul == 1:
		ns = stamp
	case c.mul != 0:
		hi, lo := bits.Mul64(stamp, c.mul)
		if ns = lo; hi != 0 {
			ns = math.MaxUint64
		}
	case c.binary:
		ns = mulShift(stamp, 1e9, c.shift)
	case c.div != 0:
		ns = stamp / c.div
	}
	return Time(addSat(saturate(ns), c.offset))
}

// mulShift is a*b / 2^shift, saturated.
func mulShift(a, b uint64, shift uint) uint64 {
	hi, lo := bits.Mul64(a, b)
	switch {
	case shift >= 64:
		return hi >> (shift - 64)
	case shift == 0:
		if hi != 0 {
			return math.MaxUint64
		}
		return lo
	case hi>>shift != 0:
		return math.MaxUint64
	}
	return hi<<(64-shift) | lo>>shift
}

// pow10 is 10^n, or 0 if that is over 64 bits.
func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		if p > math.MaxUint64/10 {
			return 0
		}
		p *= 10
	}
	return p
}

func mulSat(a, b int64) int64 {
	switch {
	case a > math.MaxInt64/b:
		return math.MaxInt64
	case a < math.MinInt64/b:
		return math.MinInt64
	}
	return a * b
}

func addSat(a, b int64) int64 {
	switch {
	case b > 0 && a > math.MaxInt64-b:
		return math.MaxInt64
	case b < 0 && a < math.MinInt64-b:
		return math.MinInt64
	}
	return a + b
}
