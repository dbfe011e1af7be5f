// Package exhaustive says whether tests go through every case, or through a fixed sample of them.
//
// The sample is for every day: it is the same in each run, and a fault that it meets fails the test. Every case is for
// .ci/run, which sets the variable.
package exhaustive

import "os"

// Variable is the environment variable that asks for every case, set to anything.
const Variable = "RESPSNIFF_EXHAUSTIVE"

// On reports whether every case is to be tested.
func On() bool { return os.Getenv(Variable) != "" }

// Step is the distance from one tested case to the next: 1, or that of the sample.
func Step(sample int) int {
	if On() {
		return 1
	}
	return sample
}

// Sparse is Step for cases that run one after the other in one goroutine, whose sample is sparser under the race detector.
func Sparse(sample int) int {
	if On() {
		return 1
	}
	return sample * raced
}
