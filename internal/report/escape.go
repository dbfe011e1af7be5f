package report

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/respsniff/respsniff/resp"
)

// Printable returns s as one line in which nothing can act on the reader's terminal or hide text from the reader: see
// resp.Text, whose form it has. It serves for texts of any origin, above all those of a saved report, which is as
// foreign as a capture. Printable(Printable(s)) is Printable(s).
func Printable(s string) string {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return resp.TextOf([]byte(s)).String()
		}
	}
	return s
}

// Shorten cuts s, which is printable, to at most n characters; what was cut is marked with "...". n is at least 4.
func Shorten(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	i := 0
	for range n - 3 {
		_, size := utf8.DecodeRuneInString(s[i:])
		i += size
	}
	return s[:i] + "..."
}

// CSVCell returns s so that a spreadsheet shows it and runs nothing: a cell that begins like a formula gets an
// apostrophe, the mark for text (OWASP, CSV injection). Negative numbers and the like are not made here, so any
// leading sign is from the capture.
func CSVCell(s string) string {
	s = Printable(s)
	if t := strings.TrimLeftFunc(s, unicode.IsSpace); strings.IndexFunc(t, beginsFormula) == 0 {
		return "'" + s
	}
	return s
}

// beginsFormula reports whether a character begins a formula. Spreadsheets take the full-width and small forms of the signs, and the
// minus of mathematics, for the signs of ASCII.
func beginsFormula(c rune) bool {
	return strings.ContainsRune("=+-@|%\uff1d\uff0b\uff0d\uff20\uff5c\uff05\ufe66\ufe62\ufe63\ufe6b\ufe6a\u2212\u207a\u207b\u207c\u208a\u208b\u208c", c)
}
