package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
)

// Select returns the rules that a word chooses, whatever its case: one by its ID or its name, or all whose IDs begin with
// it ("RS1"). The error names the word and the rule that is written most like it.
func Select(word string) ([]*analysis.Detector, error) {
	upper := strings.ToUpper(word)
	var family []*analysis.Detector
	for _, d := range All() {
		if d.ID == upper || strings.EqualFold(d.Name, word) {
			return []*analysis.Detector{d}, nil
		}
		if word != "" && strings.HasPrefix(d.ID, upper) {
			family = append(family, d)
		}
	}
	if len(family) == 0 {
		return nil, unknownRule(word)
	}
	return family, nil
}

// Named returns the one rule of an ID or a name, whatever the case.
func Named(word string) (*analysis.Detector, error) {
	for _, d := range All() {
		if strings.EqualFold(d.ID, word) || strings.EqualFold(d.Name, word) {
			return d, nil
		}
	}
	return nil, unknownRule(word)
}

// unknownRule says that there is no such rule, and which one may be meant.
func unknownRule(word string) error {
	if d := Nearest(word); d != nil {
		return fmt.Errorf("there is no rule %q: did you mean %s %s?", word, d.ID, d.Name)
	}
	return fmt.Errorf("there is no rule %q; 'respsniff explain' lists them", word)
}

// Nearest returns the rule whose ID or name is written most like a word, nil where none is: at most a third of its letters
// differ, and one of an ID. A name that contains the word is like it too.
func Nearest(word string) *analysis.Detector {
	word = strings.ToLower(word)
	if len(word) < 3 || len(word) > 64 {
		return nil
	}
	var best *analysis.Detector
	least := 0
	consider := func(d *analysis.Detector, distance int) {
		if best == nil || distance < least {
			best, least = d, distance
		}
	}
	for _, d := range All() {
		if n := distance(word, strings.ToLower(d.ID)); n <= 1 {
			consider(d, n)
		}
		if n := distance(word, d.Name); n <= len(d.Name)/3 {
			consider(d, n)
		}
	}
	if best != nil {
		return best
	}
	for _, d := range All() {
		if strings.Contains(d.Name, word) {
			return d
		}
	}
	return nil
}

// distance counts the bytes to insert, delete, replace or swap with their neighbour to make b of a: the optimal string
// alignment distance.
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
