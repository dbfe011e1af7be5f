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
	if x == nil || y == nil {
		if x == nil {
			return y
		}
		return x
	}
	sum := Filtered{slices.Clone(x.By), x.Connections + y.Connections, x.Commands + y.Commands, x.Findings + y.Findings}
	for _, flag := range y.By {
		if !slices.Contains(sum.By, flag) {
			sum.By = append(sum.By, flag)
		}
	}
	return &sum
}

// maxBy bounds the flags that a sentence names.
const maxBy = 8

// String is what was left out in one sentence.
func (x *Filtered) String() string {
	by := strings.Join(x.By[:min(len(x.By), maxBy)], ", ")
	if more := len(x.By) - maxBy; more > 0 {
		by += fmt.Sprintf(" and %d more", more)
	}
	var left []string
	if x.Connections > 0 {
		left = append(left, fmt.Sprintf("%s with %s", count(x.Connections, "connection"), count(x.Commands, "command")))
	}
	if x.Findings > 0 {
		left = append(left, count(x.Findings, "finding"))
	}
	if len(left) == 0 {
		return "Left out by " + by + ": nothing."
	}
	return "Left out by " + by + ": " + strings.Join(left, ", ") + "."
}

// printable copies x for output.
func (x *Filtered) printable() *Filtered {
	if x == nil {
		return nil
	}
	y := *x
	y.By = orEmpty(printables(x.By))
	return &y
}

// filtered prints above the verdict what it does not speak of.
func (t *textWriter) filtered() {
	if x := t.d.Summary.Filtered; x != nil {
		t.print(hang("", "  ", Printable(x.String()), textWidth) + "\n")
	}
}
