//go:build race

package detectors_test

// raced says that the race detector is on, which makes the damage tests ten times slower: they then take a part of the
// scenarios only. .ci/run runs them whole without it.
const raced = true
