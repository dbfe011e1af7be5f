package tally

import (
	"errors"
	"fmt"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

// Input describes a file that was read.
func Input(f *capture.FileInfo) report.Input {
	in := report.Input{
		File: f.Name, Format: f.Format, Packets: f.Packets, Bytes: f.Bytes, Snaplen: f.Snaplen, First: f.First, Last: f.Last,
		KernelDrops: Lost(f.Drops), Notes: f.Notes,
	}
	if f.Compression != "" {
		in.Format = f.Compression + "+" + in.Format
	}
	for _, l := range f.LinkTypes {
		in.LinkTypes = append(in.LinkTypes, fmt.Sprint(l))
	}
	if f.Err != nil {
		in.Error = f.Err.Error()
		in.Cut = errors.Is(f.Err, capture.ErrCut)
	}
	return in
}

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
