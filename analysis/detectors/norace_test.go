//go:build !race

package detectors_test

// raced says that the race detector is on.
const raced = false
