//go:build !race

package analysis_test

// thin is by how much exhaustive tests are thinned out.
const thin = 1
