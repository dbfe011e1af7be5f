package formats

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
	"golang.org/x/net/html"
)

// TestHTMLPolicyAllowsItsOwnStyle recomputes the hash from the page as a browser reads it.
func TestHTMLPolicyAllowsItsOwnStyle(t *testing.T) {
	var b bytes.Buffer
	if err := writeHTML(&b, hostileDocument(t, "x"), report.Options{}); err != nil {
		t.Fatal(err)
	}
	z := html.NewTokenizer(bytes.NewReader(b.Bytes()))
	policy, style, inStyle := "", "", false
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			break
		}
		token := z.Token()
		switch {
		case token.Data == "meta":
			for _, a := range token.Attr {
				if a.Key == "content" && strings.HasPrefix(a.Val, "default-src") {
					policy = a.Val
				}
			}
		case kind == html.TextToken && inStyle:
			style += token.Data
		}
		inStyle = kind == html.StartTagToken && token.Data == "style"
	}
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	if policy != want {
		t.Errorf("policy %q\nwant   %q", policy, want)
	}
	if strings.Contains(style, "@import") || strings.Contains(style, "url(") {
		t.Error("the style sheet loads something")
	}
}

func TestHTMLHasFiguresAndTheirTables(t *testing.T) {
	d := sample(t)
	d.Series = sampleSeries()
	var b bytes.Buffer
	if err := writeHTML(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	checkHTML(t, "sample", out)
	if n := strings.Count(out, "<svg"); n != 4 {
		t.Errorf("%d figures, want a ladder, debt, connections and latency", n)
	}
	for _, text := range []string{"300.3 ms later, no byte in between", "T = 0.015 ms", "The numbers", "What this tool cannot see", "tshark -r a.pcap"} {
		if !strings.Contains(out, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	if strings.Contains(out, "ZgotmplZ") || strings.Contains(out, "NaN") {
		t.Error("a value was refused by the template or is not a number")
	}
}

// TestHTMLNamesBounds: limits that were reached are on the page, each by its name with what it may hide.
func TestHTMLNamesBounds(t *testing.T) {
	d := sample(t)
	d.Reach(report.Bound{Name: "client groups", Limit: 32768, Hits: 5, Hides: "what clients had shown", Loses: report.Evidence})
	var b bytes.Buffer
	if err := writeHTML(&b, d, report.Options{}); err != nil {
		t.Fatal(err)
	}
	const line = "client groups: the limit of 32,768 was reached 5 times; it may hide what clients had shown"
	if text := strings.Join(strings.Fields(b.String()), " "); !strings.Contains(text, line) {
		t.Errorf("the page does not say %q", line)
	}
}

// TestHTMLIsBounded renders more of everything than an analysis keeps.
func TestHTMLIsBounded(t *testing.T) {
	d := sample(t)
	big := d.Findings[1]
	long := strings.Repeat("a long text & more ", 10)
	e := big.Examples[0]
	e.Facts = []string{long, long, long, long, long, long, long, long}
	for len(e.Victims) < 1000 {
		e.Victims = append(e.Victims, e.Victims[0])
	}
	for len(e.Ladder) < 1000 {
		e.Ladder = append(e.Ladder, e.Ladder[0])
	}
	big.Examples = []incident.Example{e, e, e, e, e}
	for len(d.Findings) < 500 {
		d.Findings = append(d.Findings, big)
	}
	for len(d.Input) < 500 {
		d.Input = append(d.Input, d.Input[0])
	}
	var b bytes.Buffer
	if err := writeHTML(&b, d, report.Options{Page: func(string) string { return strings.Repeat("0123456789\n", 1000) }}); err != nil {
		t.Fatal(err)
	}
	if b.Len() > 2<<20 {
		t.Errorf("%d bytes", b.Len())
	}
}
