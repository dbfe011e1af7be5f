package cluster

import (
	"testing"
	"time"
)

func TestQuantile(t *testing.T) {
	var m medianSketch
	for i := 1; i <= 100; i++ {
		m.Add(time.Duration(i) * 10 * time.Microsecond)
	}
	for percent, want := range map[uint64]time.Duration{5: 48, 50: 448, 95: 896} {
		if got := m.Quantile(percent); got != want*time.Microsecond {
			t.Errorf("%d %%: %s, want %s", percent, got, want*time.Microsecond)
		}
	}
}
