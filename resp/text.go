package resp

import (
	"unicode"
	"unicode/utf8"
)

// Text is untrusted text from the wire: a key, a value, an error line. It cannot be printed raw by accident: String
// escapes, and only a writer that escapes for its own format asks for Raw. The bytes are borrowed from whatever they
// were made of.
type Text struct{ b []byte }

// TextOf wraps bytes from the wire.
func TextOf(b []byte) Text { return Text{b} }

// Raw returns the bytes as they were sent. They may hold terminal control sequences.
func (t Text) Raw() []byte { return t.b }

// Len returns the number of bytes.
func (t Text) Len() int { return len(t.b) }

// String returns the text in printable form, on one line. Control characters, bytes that are no UTF-8, line and
// paragraph separators and characters that are invisible or change the direction of writing become \n, \r, \t, \x1b or
// \u202e. A backslash stays as it is, so the form is for reading and cannot be turned back.
func (t Text) String() string { return string(t.Append(nil)) }

// Append appends the printable form to dst.
func (t Text) Append(dst []byte) []byte {
	for b := t.b; len(b) > 0; {
		var n int
		dst, n = appendEscaped(dst, b)
		b = b[n:]
	}
	return dst
}

// Short returns the printable form, cut to at most n characters, of which "…" is the last where it was cut.
func (t Text) Short(n int) string {
	var dst []byte
	keep, chars := 0, 0
	for b := t.b; len(b) > 0; {
		at := len(dst)
		var used int
		dst, used = appendEscaped(dst, b)
		b = b[used:]
		chars += utf8.RuneCount(dst[at:])
		if chars < n {
			keep = len(dst)
		}
		if chars > n {
			return string(dst[:keep]) + "…"[:len("…")*min(max(n, 0), 1)]
		}
	}
	return string(dst)
}

const hexDigits = "0123456789abcdef"

// appendEscaped appends the first character of b in printable form and returns its length in b.
func appendEscaped(dst, b []byte) ([]byte, int) {
	c := b[0]
	if c >= 0x20 && c < 0x7f {
		return append(dst, c), 1
	}
	switch c {
	case '\n':
		return append(dst, '\\', 'n'), 1
	case '\r':
		return append(dst, '\\', 'r'), 1
	case '\t':
		return append(dst, '\\', 't'), 1
	}
	r, n := utf8.DecodeRune(b)
	switch {
	case c < utf8.RuneSelf || r == utf8.RuneError && n == 1 || r < 0xa0:
		for _, c := range b[:n] {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		}
	case visible(r):
		dst = append(dst, b[:n]...)
	case r > 0xffff:
		dst = append(dst, '\\', 'U')
		for shift := 28; shift >= 0; shift -= 4 {
			dst = append(dst, hexDigits[r>>shift&15])
		}
	default:
		dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
	}
	return dst, n
}

// visible says whether a character beyond ASCII shows itself and nothing else: no format characters (bidirectional
// controls, zero width, tags), no spaces that pass for others, no fillers and variation selectors.
func visible(r rune) bool {
	switch {
	case !unicode.IsPrint(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
		return false
	case r == 0x115f, r == 0x1160, r == 0x3164, r == 0xffa0, r == 0x2800, r == 0x034f, r == 0x17b4, r == 0x17b5:
		return false
	}
	return true
}
