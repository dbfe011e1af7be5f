//go:build !race

package exhaustive

const raced = 1
