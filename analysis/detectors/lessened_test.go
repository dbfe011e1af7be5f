package detectors

import "testing"

// TestTakeOff: what an earlier run counted is taken off whole. Literals without field names: a new count must be thought of here.
func TestTakeOff(t *testing.T) {
	h := handled{1, 2, 3, 4, 5, 6, nil}
	before := h
	if h.TakeOff(&before); h != (handled{}) {
		t.Errorf("left of what clients did: %+v", h)
	}
}
