package formats

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/russross/blackfriday/v2"
	"golang.org/x/net/html"
)

// hostileTexts are those of package report.
func hostileTexts(t *testing.T) (texts []string) {
	t.Helper()
	b, err := os.ReadFile("../testdata/hostile.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		text, err := strconv.Unquote(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

// hostileDocument has a hostile text in every field that takes one.
func hostileDocument(t *testing.T, s string) *report.Document {
	t.Helper()
	d := sample(t)
	d.Warnings, d.Doubts, d.Complete = []string{""}, make([]report.Doubt, 1), false
	d.Suppressed, d.Series = make([]report.Suppressed, 1), sampleSeries()
	fill(reflect.ValueOf(d).Elem(), s)
	return d
}

// fill puts a text into every string and every address, but into rule IDs, by which findings are told apart.
func fill(v reflect.Value, s string) {
	switch v.Type() {
	case reflect.TypeFor[netip.Addr]():
		return
	case reflect.TypeFor[netip.AddrPort]():
		v.Set(reflect.ValueOf(netip.AddrPortFrom(netip.MustParseAddr("fe80::1").WithZone(s), 6379)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Rule" && v.Field(i).CanSet() {
				fill(v.Field(i), s)
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			fill(v.Index(i), s)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			fill(v.Elem(), s)
		}
	}
}

func TestHostileTextDoesNotAct(t *testing.T) {
	for _, text := range hostileTexts(t) {
		for _, format := range report.Formats {
			var b bytes.Buffer
			if err := Write(&b, format, hostileDocument(t, text), report.Options{Page: func(string) string { return text }}); err != nil {
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
var parsers = map[report.Format]func(t *testing.T, text, out string){
	report.SARIF: func(t *testing.T, text, out string) {
		var log sarifLog
		if err := json.Unmarshal([]byte(out), &log); err != nil || len(log.Runs) != 1 || len(log.Runs[0].Results) != len(sample(t).Incidents)+1 {
			t.Errorf("%q: SARIF: %v", text, err)
		}
		if len(log.Runs) == 0 || len(log.Runs[0].Results) == 0 {
			return
		}
		for _, l := range log.Runs[0].Results[0].Locations {
			if strings.HasPrefix(l.Physical.Artifact.URI, "javascript:") {
				t.Errorf("a scheme in %s", l.Physical.Artifact.URI)
			}
		}
	},
	report.JUnit: func(t *testing.T, text, out string) {
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
	report.CSV: func(t *testing.T, text, out string) {
		rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
		if err != nil {
			t.Errorf("%q: CSV: %v", text, err)
		}
		for _, row := range rows {
			for _, cell := range row {
				if t0 := strings.TrimSpace(cell); t0 != "" && strings.ContainsRune("=+-@|%\t＝＋－＠｜％﹦﹢﹣﹫﹪−", []rune(t0)[0]) {
					t.Errorf("%q: a cell that a spreadsheet runs: %q", text, cell)
				}
			}
		}
	},
	report.GitHub: func(t *testing.T, text, out string) {
		line := regexp.MustCompile(`^::(error|warning|notice) (file=[^,:\r\n]*,)?title=[^,:\r\n]*::[^\r\n]*$`)
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if want := 1 + len(sample(t).Incidents); len(lines) != want {
			t.Errorf("%q: %d commands, want %d", text, len(lines), want)
		}
		for _, l := range lines {
			if !line.MatchString(l) {
				t.Errorf("%q: not one command: %q", text, l)
			}
		}
	},
	report.HTML: checkHTML,
	report.Markdown: func(t *testing.T, text, out string) {
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
		if n := strings.Count(string(page), "<h2"); n != 2 {
			t.Errorf("%q: %d headings, want 2 incidents", text, n)
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
	for _, name := range strings.Fields("html head body main meta title style header h1 h2 p a span code noscript section div script") {
		allowed[name] = true
	}
	var scripts []string
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !allowed[n.Data] {
			t.Errorf("%q: element <%s>", text, n.Data)
		}
		for _, a := range n.Attr {
			key := strings.ToLower(a.Key)
			if strings.HasPrefix(key, "on") || key == "src" || key == "style" || key == "href" && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%q: <%s %s=%q>", text, n.Data, a.Key, a.Val)
			}
		}
		if n.Data == "script" {
			scripts = append(scripts, n.FirstChild.Data)
		}
	}
	if len(scripts) != 2 {
		t.Fatalf("%q: %d scripts, want the data and the program", text, len(scripts))
	}
	var data any
	if err := json.Unmarshal([]byte(scripts[0]), &data); err != nil {
		t.Fatalf("%q: the data: %v", text, err)
	}
	printable(t, text, data)
}

// printable refuses what acts in any text of JSON, which may hold it escaped.
func printable(t *testing.T, text string, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		if _, bad := actingByte(v); bad {
			t.Errorf("%q: the data have %q", text, v)
		}
	case []any:
		for _, x := range v {
			printable(t, text, x)
		}
	case map[string]any:
		for k, x := range v {
			printable(t, text, k)
			printable(t, text, x)
		}
	}
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
