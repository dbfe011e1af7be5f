package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	words := []string{"rs101", "rs102", "dirty-reuse", "off-by-k", strings.Repeat("x", 65)}
	for word, want := range map[string]int{
		"dirty-resue": 2, "drty-reuse": 2, "dirtyreuse": 2, "rs1o1": 0, "rs10": 0, "rs122": 1, "ofbyk": -1, "offbyk": 3, "off-by-one": -1, "": -1, "rs": -1, "storm": -1,
		strings.Repeat("x", 65): -1,
	} {
		if got := Of(word, words); got != want {
			t.Errorf("%s: %d, want %d", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "xbc", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tc.a, tc.b); got != tc.want {
			t.Errorf("%s, %s: %d, want %d", tc.a, tc.b, got, tc.want)
		}
	}
}
