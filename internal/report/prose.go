package report

import (
	"strings"
	"unicode/utf8"
)

// wrap breaks s, one printable line, into lines of at most width characters, at spaces where it can. It gives at least
// one line.
func wrap(s string, width int) []string {
	width = max(width, 8)
	var lines []string
	var line strings.Builder
	used := 0
	flush := func() {
		lines = append(lines, line.String())
		line.Reset()
		used = 0
	}
	for _, word := range strings.Fields(s) {
		n := runes(word)
		if used > 0 && used+1+n > width {
			flush()
		}
		for n > width {
			i := 0
			for range width {
				_, size := utf8.DecodeRuneInString(word[i:])
				i += size
			}
			line.WriteString(word[:i])
			word = word[i:]
			n -= width
			flush()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		line.WriteString(word)
		used += n
	}
	if used > 0 || len(lines) == 0 {
		flush()
	}
	return lines
}

// hang wraps s behind a first indent and continues behind another.
func hang(first, rest, s string, width int) string {
	lines := wrap(s, width-runes(first))
	if len(lines) > 1 && runes(rest) != runes(first) {
		lines = append(lines[:1], wrap(strings.Join(lines[1:], " "), width-runes(rest))...)
	}
	var b strings.Builder
	indent := first
	for _, l := range lines {
		b.WriteString(strings.TrimRight(indent+l, " "))
		b.WriteByte('\n')
		indent = rest
	}
	return b.String()
}

// HangBehind wraps a printable text at 100 columns behind a first indent and continues behind another.
func HangBehind(first, rest, s string) string { return hang(first, rest, s, textWidth) }

// Hang wraps a printable text at 100 columns behind a label; further lines stand under its text.
func Hang(label, s string) string {
	return hang(label, strings.Repeat(" ", runes(label)), s, textWidth)
}

func runes(s string) int { return utf8.RuneCountInString(s) }
