package report

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

func told() *Document {
	d := &Document{Complete: true, Findings: []incident.Finding{{Rule: "RS101", Name: "dirty-reuse", Title: "1 connection", Severity: incident.High, Confidence: pairing.Strong}}}
	step := func(rule, example string, frames ...int64) incident.CauseStep {
		return incident.CauseStep{Rule: rule, What: rule + " happened", Example: example, Frames: frames, Time: sampleStart.Add(time.Second)}
	}
	d.Incidents = []incident.Incident{{
		Sentence: "The server 10.0.0.2:6379 stalled for 2.200 s, then 12 reads timed out.",
		Conn:     7, Client: netip.MustParseAddrPort("10.0.0.1:42000"), Server: netip.MustParseAddrPort("10.0.0.2:6379"),
		Steps: []incident.CauseStep{
			step("RS401", "10.0.0.2:6379 answered nobody", 4, 9), step("RS210", "GET a\x1b[31m had no reply", 4), step("RS201", ""),
		},
	}}
	return d
}

func TestStories(t *testing.T) {
	var out bytes.Buffer
	d := told()
	for range maxStories + 1 {
		d.Incidents = append(d.Incidents, incident.Incident{Sentence: "Another.", Steps: []incident.CauseStep{{Rule: "RS210"}}})
	}
	if err := WriteText(&out, d, Options{}); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	for _, want := range []string{
		"The story, first cause first\n  * The server 10.0.0.2:6379 stalled", "As seen on connection 7, 10.0.0.1:42000 -> 10.0.0.2:6379:",
		"RS401  10.0.0.2:6379 answered nobody (frames 4, 9)", "had no reply (frame 4)", "and 2 stories more",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") {
		t.Error("a control byte was printed")
	}
	if strings.Index(text, "RS401  ") > strings.Index(text, "RS210  ") {
		t.Error("the effect stands before its cause")
	}
}

func TestStoriesAreMasked(t *testing.T) {
	var out bytes.Buffer
	d := told()
	Mask{Addresses: true}.Document(d)
	if err := WriteText(&out, d, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"10.0.0.1", "10.0.0.2"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is shown", secret)
		}
	}
}

// TestStoriesInPages checks the two formats that people read besides the text.
func TestStoriesInPages(t *testing.T) {
	for format, wants := range map[Format][]string{
		HTML:     {"<h2>The story, first cause first</h2>", "<p>The server 10.0.0.2:6379 stalled", "10.0.0.2:6379 answered nobody (frames 4, 9)</td>"},
		Markdown: {"## The story, first cause first\n\nThe server 10.0.0.2:6379 stalled", "answered nobody (frames 4, 9) |\n"},
	} {
		var out bytes.Buffer
		if err := Write(&out, format, told(), Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range wants {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", format, want, out.String())
			}
		}
	}
}

func TestExamplePlace(t *testing.T) {
	client, server := netip.MustParseAddrPort("10.0.0.1:42000"), netip.MustParseAddrPort("[2001:db8::1]:6379")
	host := netip.AddrPortFrom(client.Addr(), 0)
	for want, e := range map[string]*incident.Example{
		"connection 7, 10.0.0.1:42000 -> [2001:db8::1]:6379": {Conn: 7, Client: client, Server: server},
		"10.0.0.1 -> [2001:db8::1]:6379":                     {Client: host, Server: server},
		"10.0.0.1":                                           {Client: host},
		"connection 7":                                       {Conn: 7},
		"-":                                                  {},
	} {
		if got := examplePlace(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
