package detectors_test

import (
	"os"
	"runtime/debug"
	"testing"
)

// gcPercent lets the heap of these tests grow to five times what lives. They make thousands of runs over a few packets
// each, and the collector was a third of their time.
const gcPercent = 400

func TestMain(m *testing.M) {
	debug.SetGCPercent(gcPercent)
	os.Exit(m.Run())
}
