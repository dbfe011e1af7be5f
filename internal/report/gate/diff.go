package gate

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// Difference is what changed from one run to another.
type Difference struct {
	Gone, New []*incident.Finding
	Changed   []Change
	Same      int // findings with equal count, severity and confidence
}

// Change is a finding that both runs have, but not alike.
type Change struct{ Before, After *incident.Finding }

// Compare compares two runs, finding by finding; the same fingerprint is the same finding.
func Compare(before, after *report.Document) *Difference {
	diff := &Difference{}
	old := map[string]*incident.Finding{}
	for i := range before.Findings {
		old[before.Findings[i].Fingerprint] = &before.Findings[i]
	}
	for i := range after.Findings {
		f := &after.Findings[i]
		b := old[f.Fingerprint]
		switch {
		case b == nil:
			diff.New = append(diff.New, f)
		case b.Count != f.Count || b.Severity != f.Severity || b.Confidence != f.Confidence:
			diff.Changed = append(diff.Changed, Change{b, f})
		default:
			diff.Same++
		}
		delete(old, f.Fingerprint)
	}
	for _, f := range old {
		diff.Gone = append(diff.Gone, f)
	}
	slices.SortFunc(diff.Gone, byRank)
	slices.SortFunc(diff.New, byRank)
	slices.SortFunc(diff.Changed, func(a, b Change) int { return byRank(a.After, b.After) })
	return diff
}
