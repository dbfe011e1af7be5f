package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
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
		for line := range strings.Lines(textOf(t, hostileDocument(text), Options{MaxExamples: 9})) {
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
		if out := textOf(t, sample(), Options{Clock: tc.clock}); !strings.Contains(out, tc.want+"\n") {
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
		if got := tc.d.unnamed(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	lossy := sample().Findings[0]
	lossy.Severity = incident.Low
	low := sample().Findings[3]
	for _, tc := range []struct {
		name string
		d    *Document
		want string
	}{
		{"nothing", &Document{Complete: true}, "NOTHING READ"},
		{"no Redis", &Document{Complete: true, Summary: Summary{Packets: 1, Connections: 1}}, "NO REDIS"},
		{"clean", &Document{Complete: true, Summary: Summary{Packets: 1, Redis: 1}}, "CLEAN"},
		{"clean, but lossy", &Document{Complete: true, Summary: Summary{Packets: 1, Redis: 1}, Findings: []incident.Finding{lossy}}, "hides part"},
		{"clean, but cut", &Document{Summary: Summary{Packets: 1, Redis: 1}}, "not read whole"},
		{"harmless", &Document{Complete: true, Findings: []incident.Finding{low}}, "NO HARM FOUND"},
		{"desync", sample(), "DESYNC: 38 connections"},
		{"a stall made reads time out", caused("RS210", incident.Medium, "RS401", incident.Medium), "SERVER FAULT: RS401 (medium, strong), and 1 other finding."},
		{"less bad than what it caused", caused("RS208", incident.High, "RS401", incident.Medium), "CONNECTION FAULT: RS208 (high, strong), and 1 other finding."},
		{"a desync stays one", caused("RS101", incident.Medium, "RS401", incident.Medium), "DESYNC: RS101 (medium, strong), and 1 other finding."},
	} {
		if word, sentence := Verdict(tc.d); !strings.Contains(word+": "+sentence, tc.want) {
			t.Errorf("%s: %s: %s, want %q", tc.name, word, sentence, tc.want)
		}
	}
}

// caused is a document in which the second rule's fault caused the first's.
func caused(effect string, effectSeverity incident.Severity, cause string, causeSeverity incident.Severity) *Document {
	return &Document{Complete: true, Findings: []incident.Finding{
		{Rule: effect, Title: effect, Fingerprint: "effect", Severity: effectSeverity, Confidence: pairing.Strong, Causes: []string{"cause"}},
		{Rule: cause, Title: cause, Fingerprint: "cause", Severity: causeSeverity, Confidence: pairing.Strong},
	}}
}

func TestChainPutsCausesFirst(t *testing.T) {
	f := func(print string, first int, causes ...string) *incident.Finding {
		return &incident.Finding{Fingerprint: print, First: sampleStart.Add(time.Duration(first)), Causes: causes}
	}
	for name, tc := range map[string]struct {
		in   []*incident.Finding
		want string
	}{
		"none":            {[]*incident.Finding{f("a", 1), f("b", 2)}, ""},
		"two":             {[]*incident.Finding{f("b", 2, "a"), f("a", 1)}, "ab"},
		"against time":    {[]*incident.Finding{f("b", 1, "a"), f("a", 2)}, "ab"},
		"unknown cause":   {[]*incident.Finding{f("b", 1, "z")}, ""},
		"itself":          {[]*incident.Finding{f("b", 1, "b")}, ""},
		"circle":          {[]*incident.Finding{f("b", 1, "a"), f("a", 2, "b")}, "ba"},
		"three and alone": {[]*incident.Finding{f("c", 1, "b"), f("x", 0), f("b", 2, "a"), f("a", 3)}, "abc"},
	} {
		got := ""
		for _, x := range Chain(tc.in) {
			got += x.Fingerprint
		}
		if got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestRankingShowsTwenty(t *testing.T) {
	d := sample()
	for range 30 {
		d.Findings = append(d.Findings, d.Findings[3])
	}
	if out := textOf(t, d, Options{}); !strings.Contains(out, "\nand 13 more: see -o json\n") || strings.Contains(out, "-- 21.") {
		t.Error("not twenty and 13 more")
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
