package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/russross/blackfriday/v2"
	"golang.org/x/net/html"

	"github.com/respsniff/respsniff/analysis"
)

// hostileTexts would act on a terminal, a browser, a spreadsheet or a CI log if they were printed as they are.
var hostileTexts = []string{
	"\x1b[2J\x1b]0;owned\x07",
	"a\u009b31mb\u0085",
	"\u202egnp.exe\u2066\u200b\ufeff",
	"line\r\n::error::injected",
	"%0A::error::injected",
	"=cmd|' /C calc'!A0",
	"+1-1", "-2+3", "@SUM(1)", "\t=1", "|pipe",
	"</script><script>alert(1)</script>",
	`"><img src=x onerror=alert(1)>`,
	"]]></failure><failure>",
	"javascript:alert(1)",
	"[x](javascript:alert(1)) ![y](http://e.example/z) `code` | cell",
	"```\nend\n# heading",
	"https://e.example/?q=1 www.e.example @everyone",
	"\xff\xfe\x00 invalid",
	"'; rm -rf / #",
	"end\nC->>S: forged",
}

// hostileDocument has a hostile text in every field that takes one.
func hostileDocument(s string) *Document {
	d := sample()
	d.Tool.Version = s
	d.Input[0].File, d.Input[0].Format, d.Input[0].Error = s, s, s
	d.Input[0].Notes, d.Input[0].LinkTypes = []string{s}, []string{s}
	d.Warnings, d.Quality.LimitsReached = []string{s}, []string{s}
	d.Suppressed = []Suppressed{{s, s, s, s, s}}
	d.Complete = false
	zone := netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(s), 6379)
	for i := range d.Findings {
		f := &d.Findings[i]
		f.Name, f.Title, f.Library, f.Policy, f.Remedy, f.Fingerprint = s, s, s, s, s, s
		f.Notes = []string{s}
		f.Victims, f.Commands = []analysis.Tally{{Label: s, Count: 1}}, []analysis.Tally{{Label: s, Count: 1}}
		f.Server = zone
		for j := range f.Examples {
			e := &f.Examples[j]
			e.File, e.Filter, e.Facts, e.Server = s, s, []string{s}, zone
			for k := range e.Victims {
				v := &e.Victims[k]
				v.Command, v.Key, v.Meant, v.Got, v.Saw = s, s, s, s, s
			}
			for k := range e.Ladder {
				e.Ladder[k].What, e.Ladder[k].Mark = s, s
			}
		}
	}
	d.Incidents = []analysis.Incident{{Sentence: s, Conn: 412, Client: zone, Server: zone, Steps: []analysis.CauseStep{{
		Rule: "RS101", Name: s, Findings: []string{s}, First: sampleStart, What: s, Example: s, Frames: []int64{7}, Time: sampleStart,
	}}}}
	d.Series = &Series{
		Owed:    []OwedSeries{{Conn: 412, Client: s, Server: s, Points: []OwedPoint{{Time: Stamp(sampleStart), Owed: 1}, {Time: Stamp(sampleStart + 1e9), Owed: 2}}}},
		Open:    []OpenSeries{{Client: s, Points: []OpenPoint{{Stamp(sampleStart), 1}, {Stamp(sampleStart + 1e9), 2}}}},
		Latency: []LatencySeries{{Client: s, BoundsUS: []int64{0, 10}, Counts: []int64{3, 4}, ReadTimeoutMS: []float64{0.015}}},
	}
	return d
}

func TestHostileTextDoesNotAct(t *testing.T) {
	for _, text := range hostileTexts {
		for _, format := range Formats {
			var b bytes.Buffer
			if err := Write(&b, format, hostileDocument(text), Options{Page: func(string) string { return text }}); err != nil {
				t.Fatalf("%s: %q: %v", format, text, err)
			}
			out := b.String()
			if i, bad := actingByte(out); bad {
				t.Errorf("%s: %q: acting character: %q", format, text, out[max(0, i-30):min(len(out), i+10)])
			}
			if check := parsers[format]; check != nil {
				check(t, text, out)
			}
		}
	}
}

// parsers read each format with a real parser of it, and look for what must not have come through.
var parsers = map[Format]func(t *testing.T, text, out string){
	JSON: func(t *testing.T, _, out string) {
		if !json.Valid([]byte(out)) {
			t.Error("not JSON")
		}
		if strings.Contains(out, "<") {
			t.Error("JSON with a raw <, which could end a script element")
		}
	},
	NDJSON: func(t *testing.T, _, out string) {
		for line := range strings.Lines(out) {
			if !json.Valid([]byte(line)) {
				t.Errorf("not JSON: %.80s", line)
			}
		}
	},
	SARIF: func(t *testing.T, text, out string) {
		var log sarifLog
		if err := json.Unmarshal([]byte(out), &log); err != nil || len(log.Runs) != 1 || len(log.Runs[0].Results) != len(sample().Findings) {
			t.Errorf("%q: SARIF: %v", text, err)
		}
		for _, l := range log.Runs[0].Results[1].Locations {
			if strings.HasPrefix(l.Physical.Artifact.URI, "javascript:") {
				t.Errorf("a scheme in %s", l.Physical.Artifact.URI)
			}
		}
	},
	JUnit: func(t *testing.T, text, out string) {
		dec := xml.NewDecoder(strings.NewReader(out))
		dec.Strict = true
		failures := 0
		for {
			token, err := dec.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Errorf("%q: JUnit: %v", text, err)
				return
			}
			if start, ok := token.(xml.StartElement); ok && start.Name.Local == "failure" {
				failures++
			}
		}
		if failures != 1 {
			t.Errorf("%q: %d failures, want 1", text, failures)
		}
	},
	CSV: func(t *testing.T, text, out string) {
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Errorf("%q: CSV: %v", text, err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if t0 := strings.TrimLeft(cell, " "); t0 != "" && strings.ContainsRune("=+-@|%\t", rune(t0[0])) {
					t.Errorf("%q: a cell that a spreadsheet runs: %q", text, cell)
				}
			}
		}
	},
	GitHub: func(t *testing.T, text, out string) {
		line := regexp.MustCompile(`^::(error|warning|notice) (file=[^,:\r\n]*,)?title=[^,:\r\n]*::[^\r\n]*$`)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if want := 1 + len(sample().Findings); len(lines) != want {
			t.Errorf("%q: %d commands, want %d", text, len(lines), want)
		}
		for _, l := range lines {
			if !line.MatchString(l) {
				t.Errorf("%q: not one command: %q", text, l)
			}
		}
	},
	HTML: checkHTML,
	Markdown: func(t *testing.T, text, out string) {
		page := blackfriday.Run([]byte(out), blackfriday.WithExtensions(blackfriday.CommonExtensions))
		root, err := html.Parse(bytes.NewReader(page))
		if err != nil {
			t.Fatal(err)
		}
		for n := range root.Descendants() {
			if n.Type == html.ElementNode && slices.Contains([]string{"a", "img", "script", "iframe", "input"}, n.Data) {
				t.Errorf("%q: element <%s %v>", text, n.Data, n.Attr)
			}
		}
		if n := strings.Count(string(page), "<h2"); n != 4 {
			t.Errorf("%q: %d headings, want the story and 3 findings", text, n)
		}
		for _, diagram := range regexp.MustCompile("(?s)```mermaid\n(.*?)```").FindAllStringSubmatch(out, -1) {
			for line := range strings.Lines(diagram[1]) {
				if !regexp.MustCompile(`^(sequenceDiagram|  participant [CS] as .*|  [CS]->>[CS]: frame \d+.*|  Note over C,S: .*)\n$`).MatchString(line) {
					t.Errorf("%q: a forged line in a diagram: %q", text, line)
				}
			}
		}
	},
}

// checkHTML parses a page and refuses whatever could run, load or leave.
func checkHTML(t *testing.T, text, out string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	allowed := map[string]bool{}
	for _, name := range strings.Fields("html head body main meta title style h1 h2 h3 span dl dt dd div table thead tbody tr th td a section p " +
		"strong ul ol li figure svg text tspan line polyline polygon rect details summary pre footer") {
		allowed[name] = true
	}
	var walk func(n *html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode {
			if !allowed[n.Data] {
				t.Errorf("%q: element <%s>", text, n.Data)
			}
			for _, a := range n.Attr {
				key := strings.ToLower(a.Key)
				if strings.HasPrefix(key, "on") || key == "src" || key == "style" || key == "href" && !strings.HasPrefix(a.Val, "#") {
					t.Errorf("%q: <%s %s=%q>", text, n.Data, a.Key, a.Val)
				}
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(root)
}
