package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func textOf(t *testing.T, d *Document, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteText(&b, d, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTextFits(t *testing.T) {
	for _, text := range append(hostileTexts, strings.Repeat("word ", 200), strings.Repeat("x", 500)) {
		for line := range strings.Lines(textOf(t, hostileDocument(text), Options{MaxExamples: 9, All: true, Verbose: true})) {
			line = strings.TrimRight(line, "\n")
			if runes(line) > textWidth && !strings.Contains(line, "tshark -r") {
				t.Errorf("%d characters: %s", runes(line), line)
			}
		}
	}
	for line := range strings.Lines(textOf(t, sample(), Options{})) {
		if runes(strings.TrimRight(line, "\n")) > textWidth {
			t.Errorf("%d characters: %s", runes(line), line)
		}
	}
}

func TestTextColorOnlyAdds(t *testing.T) {
	plain, colored := textOf(t, sample(), Options{}), textOf(t, sample(), Options{Color: true})
	if !strings.Contains(colored, sgrRed) {
		t.Error("no colour")
	}
	bare := colored
	for _, code := range []string{sgrReset, sgrBold, sgrRed, sgrYellow, sgrCyan} {
		bare = strings.ReplaceAll(bare, code, "")
	}
	if bare != plain {
		t.Errorf("colour changed the text:\n%s", bare)
	}
}

func TestTextClocks(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		clock Clock
		want  string
	}{
		{Clock{}, "When         2026-11-21 19:24:21.293321 to 19:25:03.293321 UTC"},
		{Clock{Zone: berlin}, "When         2026-11-21 20:24:21.293321 to 20:25:03.293321 CET +01:00"},
		{Clock{Style: ClockRel}, "When         3.000000 to 45.000000"},
		{Clock{Style: ClockDelta}, "When         0.000000 to 42.000000"},
		{Clock{Style: ClockEpoch}, "When         1795289061.293321 to 1795289103.293321"},
	} {
		if out := textOf(t, sample(), Options{Clock: tc.clock, Verbose: true}); !strings.Contains(out, tc.want+"\n") {
			t.Errorf("%+v: no line %q", tc.clock, tc.want)
		}
	}
}

// TestUnnamed checks what is reported of the capture where no finding names what it hides.
func TestUnnamed(t *testing.T) {
	for _, tc := range []struct {
		d    Document
		want string
	}{
		{Document{Complete: true}, "nothing was lost or cut"},
		{Document{}, "the input was not read whole: a clean result cannot be trusted"},
		{Document{Complete: true, Quality: Quality{MidStream: 1, Undecodable: 2}}, "2 packets could not be decoded, 1 connection began before the capture; no rule was weakened"},
	} {
		if got := tc.d.Unnamed(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"a.pcap": "a.pcap", "it's": `'it'\''s'`, "-rf": "'./-rf'", "a b": "'a b'", "$(x)": "'$(x)'", "": "''", "a\nb": `'a\nb'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, s := range append(hostileTexts, "a b c", strings.Repeat("ab ", 50), strings.Repeat("é", 90)) {
		s = Printable(s)
		lines := wrap(s, 20)
		for _, l := range lines {
			if runes(l) > 20 {
				t.Errorf("%q: %d characters", l, runes(l))
			}
		}
		if got, want := strings.Join(strings.Fields(strings.Join(lines, "")), ""), strings.Join(strings.Fields(s), ""); got != want {
			t.Errorf("%q lost text: %q", s, got)
		}
	}
}
