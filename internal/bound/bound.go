// Package bound counts how often a limit on what is kept was reached. Everything that grows with the traffic has such a
// limit, and one that was reached is reported under its name, with what it may have hidden.
package bound

import (
	"cmp"
	"slices"
)

// Loss says what is gone when a limit is reached.
type Loss uint8

const (
	// Detail is lost: the findings and their counts are right, some examples or rows are not there.
	Detail Loss = iota
	// Evidence is lost: a fault may have gone unnoticed, so that a clean result proves nothing.
	Evidence
	// History is lost: what began long ago and is over. Of a capture that is read whole this is Evidence. A live run goes on
	// beyond every limit of this kind, and what it finds of the present is right: there it is Detail.
	History
)

// Bound is a limit and how often it was reached. It is used by one goroutine.
type Bound struct {
	Name  string // "client populations"; the name in every output
	Limit int
	Hides string // what further traffic adds that is not seen: "the read timeouts of further clients"
	Loses Loss
	Hits  int64 // things that were not kept
}

// Admits reports whether one more thing fits beside the n that are kept. If not, that is a hit.
func (b *Bound) Admits(n int) bool {
	if n < b.Limit {
		return true
	}
	b.Hits++
	return false
}

// Set is the limits of one run, each under its own name.
type Set struct {
	Memory int64 // limit in bytes that limits are scaled to; 0: Usual
	Live   bool  // of a run without an end
	all    []*Bound
}

// New adds a limit to the set and returns it. A second one of the same name is the same limit.
func (s *Set) New(b Bound) *Bound {
	for _, known := range s.all {
		if known.Name == b.Name {
			return known
		}
	}
	if b.Loses == History {
		b.Loses = Evidence
		if s.Live {
			b.Loses = Detail
		}
	}
	s.all = append(s.all, &b)
	return &b
}

// Add adds the hits of another set, for a run that goes on where the one of that set ended.
func (s *Set) Add(earlier *Set) {
	for _, b := range earlier.all {
		if b.Hits == 0 {
			continue
		}
		mine := *b
		mine.Hits = 0
		s.New(mine).Hits += b.Hits
	}
}

// Reached returns copies of the limits that were reached, in order of their names.
func (s *Set) Reached() []Bound {
	var reached []Bound
	for _, b := range s.all {
		if b.Hits > 0 {
			reached = append(reached, *b)
		}
	}
	slices.SortFunc(reached, func(a, b Bound) int { return cmp.Compare(a.Name, b.Name) })
	return reached
}

// LosesEvidence reports whether a limit was reached beyond which faults may go unnoticed.
func (s *Set) LosesEvidence() bool {
	return slices.ContainsFunc(s.all, func(b *Bound) bool { return b.Hits > 0 && b.Loses == Evidence })
}
