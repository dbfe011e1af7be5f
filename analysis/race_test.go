//go:build race

package analysis_test

// thin is by how much exhaustive tests are thinned out under the race detector, which is ten times slower.
const thin = 5
