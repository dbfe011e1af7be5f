package resp

import (
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"plain text ~!": "plain text ~!", "käse 漢字 😀": "käse 漢字 😀", `a\b`: `a\b`, "a\r\n\tb": `a\r\n\tb`, "\x1b[31m": `\x1b[31m`, "\x7f": `\x7f`,
		"\u0085\u009b": `\xc2\x85\xc2\x9b`, "\xff\xfe": `\xff\xfe`, "\u202eabc": `\u202eabc`, "a\u200bb": `a\u200bb`, "\ufeff": `\ufeff`, "\u2066": `\u2066`,
		"\u2028": `\u2028`, "\u00a0": `\u00a0`, "\U000e0041": `\U000e0041`, "\u3164": `\u3164`, "\ufe0f": `\ufe0f`, "\x00": `\x00`, "\xed\xa0\x80": `\xed\xa0\x80`,
		"\u00ad": `\u00ad`, "": "",
	} {
		if got := TextOf([]byte(in)).String(); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if raw := TextOf([]byte("\x1b")).Raw(); string(raw) != "\x1b" {
		t.Error("raw")
	}
	for _, c := range []struct {
		in   string
		n    int
		want string
	}{
		{"abcdef", 6, "abcdef"}, {"abcdef", 4, "abc…"}, {"a\x1bcdef", 4, "a…"}, {"äöü", 2, "ä…"}, {"abc", 1, "…"}, {"abc", 0, ""}, {"", 0, ""}, {"abc", -1, ""},
	} {
		if got := TextOf([]byte(c.in)).Short(c.n); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.in, c.n, got, c.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("a\x1b\u202e\xff"), 3)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		x := TextOf(b)
		for _, s := range []string{x.String(), x.Short(n % 100)} {
			for _, r := range s {
				if !unicode.IsPrint(r) || unicode.Is(unicode.Cf, r) {
					t.Fatalf("%q prints %U", b, r)
				}
			}
		}
		if got := utf8.RuneCountInString(x.Short(n % 100)); got > max(n%100, 0) {
			t.Fatalf("%d characters", got)
		}
	})
}
