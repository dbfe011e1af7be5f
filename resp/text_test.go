package resp

import (
	"strings"
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

func TestSecrets(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  string // the arguments that are hidden
		reply bool
	}{
		{"AUTH pw", "pw", false}, {"auth user pw", "user pw", false}, {"HELLO 3 AUTH u pw SETNAME me", "u pw", false}, {"HELLO 3", "", false},
		{"ACL SETUSER u on >pw ~*", "on >pw ~*", false}, {"ACL LIST", "", true}, {"ACL GETUSER u", "", true}, {"ACL WHOAMI", "", false},
		{"CONFIG SET requirepass pw", "pw", false}, {"CONFIG SET maxmemory 1 masterauth pw", "pw", false}, {"CONFIG SET maxmemory 1", "", false},
		{"CONFIG SET tls-key-file-pass pw", "pw", false}, {"CONFIG GET requirepass", "", true}, {"CONFIG GET *", "", true}, {"CONFIG GET maxmemory", "", false},
		{"MIGRATE h 1 k 0 5 AUTH pw", "pw", false}, {"MIGRATE h 1 k 0 5 AUTH2 u pw KEYS a", "u pw", false}, {"SENTINEL SET m auth-pass pw", "pw", false},
		{"SENTINEL CONFIG SET sentinel-pass pw", "pw", false}, {"GET auth", "", false}, {"SET k v", "", false}, {"MONITOR", "", true}, {"PING", "", false},
		{"SENTINEL SET m down-after-milliseconds 5 auth-pass pw", "pw", false},
	} {
		req := one(t, c.in+"\n")
		mask, reply := Secrets(req)
		var got []string
		for i, a := range req.Args {
			if mask>>min(i, 63)&1 != 0 {
				got = append(got, string(a.Bytes))
			}
		}
		if strings.Join(got, " ") != c.want || reply != c.reply {
			t.Errorf("%s: hides %q and reply %t", c.in, got, reply)
		}
	}
	var s stream
	s.request(append(append([]string{"CONFIG", "SET"}, strings.Fields(strings.Repeat("maxmemory 1 ", 50))...), "requirepass", "pw")...)
	req := one(t, s.String())
	if mask, _ := Secrets(req); mask>>63 == 0 {
		t.Error("a secret beyond the arguments kept is shown")
	}
}
