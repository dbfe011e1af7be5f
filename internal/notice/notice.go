// Package notice writes lines for people beside the results: errors, warnings and details. What a terminal would obey in
// them is escaped.
package notice

import (
	"fmt"
	"io"
	"strings"

	"github.com/respsniff/respsniff/internal/report"
)

// Log writes lines to W, each behind the name of the program. It is as safe for concurrent use as W is.
type Log struct {
	W       io.Writer
	Quiet   bool // no warnings
	Verbose bool // details too
}

// Fail writes an error, whatever Quiet is.
func (l *Log) Fail(err error) {
	for line := range strings.Lines(err.Error()) {
		l.line(strings.TrimRight(line, "\n"))
	}
}

// Warn writes one line unless Quiet is set.
func (l *Log) Warn(format string, args ...any) {
	if !l.Quiet {
		l.line(fmt.Sprintf(format, args...))
	}
}

// Detail writes one line if Verbose is set.
func (l *Log) Detail(format string, args ...any) {
	if l.Verbose {
		l.line(fmt.Sprintf(format, args...))
	}
}

func (l *Log) line(text string) { fmt.Fprintf(l.W, "respsniff: %s\n", report.Printable(text)) }
