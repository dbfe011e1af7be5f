package reader

import (
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
)

func TestBurstsOfClosesAreOneCause(t *testing.T) {
	w := &who{open: 6}
	var last *burst
	for i := range 5 {
		last = w.closes(capture.Time(i) * capture.Time(time.Millisecond))
	}
	if !last.common() {
		t.Error("five of six at once")
	}
	w = &who{open: 100}
	if w.closes(0).common() {
		t.Error("one of a hundred")
	}
}
