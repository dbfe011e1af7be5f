package align

import "math"

// The shifts that can be told apart: each has a bit.
const (
	LowestShift  = -8
	HighestShift = 72
	numShifts    = HighestShift - LowestShift + 1
)

// Shifts are the shifts that are possible between commands and replies which are both in order, and what speaks for each.
type Shifts struct {
	Lo, Hi   int  // possible ones, LowestShift and HighestShift at the utmost
	Closed   bool // no shift but these is possible
	Usual    int  // the one where nothing speaks for any
	excluded [(numShifts + 63) / 64]uint64
	evidence []float32 // for each, in nats; nil: none yet
}

// Excluded reports whether something contradicts a shift.
func (s *Shifts) Excluded(shift int) bool {
	i := uint(shift - LowestShift)
	return s.excluded[i/64]&(1<<(i%64)) != 0
}

// Exclude crosses a shift out.
func (s *Shifts) Exclude(shift int) {
	i := uint(shift - LowestShift)
	s.excluded[i/64] |= 1 << (i % 64)
}

// Left returns how many shifts are left, and the last of them.
func (s *Shifts) Left() (left, last int) {
	for shift := s.Lo; shift <= s.Hi; shift++ {
		if !s.Excluded(shift) {
			left++
			last = shift
		}
	}
	return left, last
}

// Speak counts evidence for a shift, in nats.
func (s *Shifts) Speak(shift int, nats float32) {
	if s.evidence == nil {
		s.evidence = make([]float32, numShifts)
	}
	s.evidence[shift-LowestShift] += nats
}

// Expect begins with the shift that something speaks for, in nats, if it is possible.
func (s *Shifts) Expect(shift int, nats float32) {
	if s.Usual = min(max(shift, s.Lo), s.Hi); s.Usual == shift {
		s.Speak(shift, nats)
	}
}

// Likeliest returns the shift that most speaks for, of several the nearest to the usual one, and by how much the evidence
// exceeds that for any other.
func (s *Shifts) Likeliest() (best int, lead float32) {
	found, second := false, float32(0)
	for shift := s.Lo; shift <= s.Hi; shift++ {
		if s.Excluded(shift) {
			continue
		}
		v := float32(0)
		if s.evidence != nil {
			v = s.evidence[shift-LowestShift]
		}
		switch {
		case !found:
			best, found, lead = shift, true, v
			if s.Closed {
				second = float32(math.Inf(-1))
			}
		case v > lead || v == lead && abs(shift-s.Usual) < abs(best-s.Usual):
			second = max(second, lead)
			best, lead = shift, v
		default:
			second = max(second, v)
		}
	}
	return best, lead - second
}

func abs(n int) int { return max(n, -n) }
