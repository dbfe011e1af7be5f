package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/internal/nearest"
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
	if d := likeliest(word); d != nil {
		return fmt.Errorf("there is no rule %q: did you mean %s %s?", word, d.ID, d.Name)
	}
	return fmt.Errorf("there is no rule %q; 'respsniff explain' lists them", word)
}

// likeliest returns the rule whose ID or name is written most like a word, else one whose name contains it; nil: none.
func likeliest(word string) *analysis.Detector {
	word = strings.ToLower(word)
	all := All()
	var words []string // of each rule its ID and its name
	for _, d := range all {
		words = append(words, strings.ToLower(d.ID), d.Name)
	}
	if i := nearest.Of(word, words); i >= 0 {
		return all[i/2]
	}
	for _, d := range all {
		if len(word) >= 3 && strings.Contains(d.Name, word) {
			return d
		}
	}
	return nil
}
