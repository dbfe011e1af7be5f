//go:build race

package exhaustive

// raced is how many times as sparse a sample is where the race detector looks on, which makes ten times the work of it.
const raced = 4
