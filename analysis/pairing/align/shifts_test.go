package align

import "testing"

// TestShifts crosses out every shift but one, and weighs those that are left.
func TestShifts(t *testing.T) {
	for want := LowestShift; want <= HighestShift; want++ {
		s := Shifts{Lo: LowestShift, Hi: HighestShift, Closed: true}
		for shift := s.Lo; shift <= s.Hi; shift++ {
			if shift != want {
				s.Exclude(shift)
			}
		}
		if left, last := s.Left(); left != 1 || last != want || s.Excluded(want) {
			t.Fatalf("%d left, the last %d; want %d alone", left, last, want)
		}
		if best, lead := s.Likeliest(); best != want || lead < 1e30 {
			t.Fatalf("likeliest %d by %v, want %d", best, lead, want)
		}
	}
	s := Shifts{Lo: -2, Hi: 5}
	s.Expect(9, 3) // not possible: nothing speaks for what is nearest to it
	if best, lead := s.Likeliest(); best != 5 || lead != 0 || s.Usual != 5 {
		t.Errorf("likeliest %d by %v, usual %d", best, lead, s.Usual)
	}
	s.Speak(-1, 2)
	s.Speak(3, 1)
	s.Speak(3, 2)
	if best, lead := s.Likeliest(); best != 3 || lead != 1 {
		t.Errorf("likeliest %d by %v, want 3 by 1", best, lead)
	}
	s.Exclude(3)
	if best, lead := s.Likeliest(); best != -1 || lead != 2 {
		t.Errorf("likeliest %d by %v, want -1 by 2", best, lead)
	}
}
