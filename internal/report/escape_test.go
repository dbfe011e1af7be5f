package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"GET short_url_pre.OZfaJY", "GET short_url_pre.OZfaJY"},
		{"Straße 道", "Straße 道"},
		{"a\x1b[31mb", `a\x1b[31mb`},
		{"a\r\nb\t\x00\x7f", `a\r\nb\t\x00\x7f`},
		{"a\u009bb", `a\xc2\x9bb`},
		{"a\u202eb\u2066\u200b\ufeff\u00ad", `a\u202eb\u2066\u200b\ufeff\u00ad`},
		{"\u2028\u2029\u3164\U000e0041", `\u2028\u2029\u3164\U000e0041`},
		{"\xff\xc3(", `\xff\xc3(`},
		{"\ufffd", "\ufffd"},
		{`C:\x1b`, `C:\x1b`},
	} {
		if got := Printable(tc.in); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.in, got, tc.want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\u202e\xff\ufffd\\x1b")
	f.Fuzz(func(t *testing.T, s string) {
		out := Printable(s)
		if i, bad := actingByte(out); bad || strings.ContainsAny(out, "\n\t") {
			t.Fatalf("%q: acting character at %d of %q", s, i, out)
		}
		if again := Printable(out); again != out {
			t.Fatalf("not stable: %q, %q", out, again)
		}
		if short := Shorten(out, 8); utf8.RuneCountInString(short) > 8 {
			t.Fatalf("Shorten: %q", short)
		}
	})
}

// actingByte finds what must stand in no output: controls other than line feed and tab, bidirectional and zero-width
// characters, invalid UTF-8.
func actingByte(s string) (int, bool) {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i, true
			}
		}
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r)) {
			return i, true
		}
	}
	return 0, false
}
