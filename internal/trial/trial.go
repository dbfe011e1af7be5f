// Package trial repeats tests of live capture that dropped packets have spoiled.
package trial

import (
	"fmt"
	"testing"
)

// maxTrials is how often a live test captures again because the kernel dropped packets.
const maxTrials = 3

// Trial is one attempt at a live test. A busy machine drops packets, and what is missing then is no fault of the program.
type Trial struct {
	Dropped int64 // packets, as the capture itself counted
	faults  []string
}

// Errorf notes a fault that dropped packets could explain. Other faults go to the test itself.
func (r *Trial) Errorf(format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf(format, args...))
}

// Run calls attempt until there is no fault, or one without dropped packets, which fails the test. Where packets are
// dropped again and again nothing can be concluded: the test is skipped.
func Run(t *testing.T, attempt func(*Trial)) {
	t.Helper()
	for range maxTrials {
		var r Trial
		attempt(&r)
		if len(r.faults) == 0 || t.Failed() {
			return
		}
		if r.Dropped == 0 {
			for _, f := range r.faults {
				t.Error(f)
			}
			return
		}
		t.Logf("the kernel dropped %d packets; without them: %q", r.Dropped, r.faults)
	}
	t.Skipf("the kernel dropped packets %d times", maxTrials)
}
