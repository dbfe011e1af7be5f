package report

import (
	"fmt"
	"slices"
	"strings"
)

// Filtered says what filters left out of a run.
type Filtered struct {
	By          []string `json:"by"`          // the flags, as on a command line
	Connections int64    `json:"connections"` // that were not looked at
	Commands    int64    `json:"commands"`    // on those
	Findings    int64    `json:"findings"`    // that were made on what was looked at, and are not shown
}

// And returns what two filters left out, one behind the other; either may be nil.
func (x *Filtered) And(y *Filtered) *Filtered {
	if x == nil {
		return y
	}
	if y == nil {
		return x
	}
	by := slices.Concat(x.By, slices.DeleteFunc(slices.Clone(y.By), func(flag string) bool { return slices.Contains(x.By, flag) }))
	return &Filtered{by, x.Connections + y.Connections, x.Commands + y.Commands, x.Findings + y.Findings}
}

// String is what was left out in one sentence.
func (x *Filtered) String() string {
	by := strings.Join(x.By, ", ")
	left := "nothing"
	switch connections := fmt.Sprintf("%s with %s", Count(x.Connections, "connection"), Count(x.Commands, "command")); {
	case x.Connections > 0 && x.Findings > 0:
		left = connections + ", " + Count(x.Findings, "finding")
	case x.Connections > 0:
		left = connections
	case x.Findings > 0:
		left = Count(x.Findings, "finding")
	}
	return "Left out by " + by + ": " + left + "."
}

// printable copies x for output.
func (x *Filtered) printable() *Filtered {
	if x == nil {
		return nil
	}
	y := *x
	y.By = orEmpty(Printables(x.By))
	return &y
}
