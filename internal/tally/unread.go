package tally

import (
	"errors"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Unread describes inputs of which none could be opened.
func Unread(names []string, err error) []report.Input {
	var inputs []report.Input
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	for i, err := range all {
		in := report.Input{File: names[min(i, len(names)-1)], Error: err.Error()}
		if e := (*capture.FormatError)(nil); errors.As(err, &e) {
			in.File = e.File
		}
		inputs = append(inputs, in)
	}
	return inputs
}
