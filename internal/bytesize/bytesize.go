// Package bytesize reads and prints numbers of bytes.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a flag for a number of bytes: 512MiB, 1g, 4096. K, M and G are powers of 1024, with or without B or iB.
type Size int64

var units = []struct {
	letter string
	size   int64
}{{"g", 1 << 30}, {"m", 1 << 20}, {"k", 1 << 10}}

// Set reads s.
func (b *Size) Set(s string) error {
	word := strings.ToLower(strings.TrimSpace(s))
	unit := int64(1)
	word = strings.TrimSuffix(strings.TrimSuffix(word, "b"), "i")
	for _, u := range units {
		if rest, ok := strings.CutSuffix(word, u.letter); ok {
			word, unit = rest, u.size
			break
		}
	}
	n, err := strconv.ParseInt(word, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size such as 512MiB", s)
	}
	*b = Size(n * unit)
	return nil
}

// String gives the size in its largest whole unit.
func (b *Size) String() string {
	for _, u := range units {
		if n := int64(*b); n >= u.size && n%u.size == 0 {
			return fmt.Sprintf("%d%siB", n/u.size, strings.ToUpper(u.letter))
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type names the value in help texts.
func (b *Size) Type() string { return "SIZE" }
