package report

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/incident"
)

// TestFirstScreen: what somebody asks who was woken up is answered in 25 lines, in this order.
func TestFirstScreen(t *testing.T) {
	lines := strings.Split(textOf(t, sample(), Options{}), "\n")
	screen := strings.Join(lines[:25], "\n")
	at := 0
	for _, label := range []string{"DESYNC: ", "\nHurt ", "\nWho ", "\nSince ", "\nWhy ", "\nDo now ", "\nSure ", "\nCapture ", "\nUnseen "} {
		i := strings.Index(screen[at:], label)
		if i < 0 {
			t.Fatalf("no %q where it belongs in\n%s", label, screen)
		}
		at += i
	}
}

func TestStory(t *testing.T) {
	text := textOf(t, sample(), Options{})
	for _, want := range []string{
		"\nWhat happened on connection 412, 198.18.0.2:47868 -> 198.18.0.11:14159\n",
		"     4390  #2 GET short_url_pre.qGZmAb\n",
		"     4396  #3 PING                      #3 +PONG           #2 nil\n",
		"300 ms after #2, whose reply is still owed", "3 more calls got another call's reply on it",
		"\nThe same on:\n  19:24:22.293321  frame 4500    conn 413   198.18.0.2:47869  7 calls misread; still open",
		"and 36 more connections: respsniff conns --dirty",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestHowMuchTextShows: one incident with its evidence, all of them, the evidence of each.
func TestHowMuchTextShows(t *testing.T) {
	d := sample()
	evidence, story, second := "-- 1. RS", "What happened on", "Incident 2: "
	for _, tc := range []struct {
		o                       Options
		evidence, story, second bool
	}{
		{Options{}, false, true, false},
		{Options{Verbose: true}, true, true, false},
		{Options{All: true}, false, true, true},
		{Options{Incident: 1}, true, true, false},
		{Options{Incident: 2}, true, false, true},
		{Options{Gate: Gate{Level: incident.Low}}, false, true, true},
	} {
		text := textOf(t, d, tc.o)
		for mark, want := range map[string]bool{evidence: tc.evidence, story: tc.story, second: tc.second} {
			if strings.Contains(text, mark) != want {
				t.Errorf("%+v: %q: %v, want %v", tc.o, mark, !want, want)
			}
		}
	}
}

// TestFurtherConnections: a few by default, all of them on request, and how many are left out.
func TestFurtherConnections(t *testing.T) {
	d := sample()
	for len(d.Incidents[0].Others) < 30 {
		d.Incidents[0].Others = append(d.Incidents[0].Others, d.Incidents[0].Others[0])
	}
	for _, tc := range []struct {
		o     Options
		lines int
		says  string
	}{
		{Options{}, maxOutlines, "and 29 more connections: --incident 1"},
		{Options{All: true}, 30, "and 7 more connections: respsniff conns --dirty"},
		{Options{Incident: 1}, 30, "and 7 more connections"},
	} {
		text := textOf(t, d, tc.o)
		if n := strings.Count(text, "  conn 413 "); n != tc.lines || !strings.Contains(text, tc.says) {
			t.Errorf("%+v: %d lines, want %d and %q", tc.o, n, tc.lines, tc.says)
		}
	}
}

// TestWidths: lines fit the width but for tshark lines, and a wide terminal is used.
func TestWidths(t *testing.T) {
	for columns, want := range map[int]int{0: 100, 20: 60, 80: 80, 100: 100, 132: 132, 500: 160} {
		width := TextWidth(columns)
		if width != want {
			t.Errorf("%d columns: width %d, want %d", columns, width, want)
		}
		widest := 0
		for line := range strings.Lines(textOf(t, sample(), Options{Width: width, All: true})) {
			if n := runes(strings.TrimRight(line, "\n")); !strings.Contains(line, "tshark -r") {
				widest = max(widest, n)
			}
		}
		if widest > width || widest < width-25 {
			t.Errorf("width %d: the longest line has %d characters", width, widest)
		}
	}
}

func TestStoriesAreMasked(t *testing.T) {
	d := sample()
	d.Doubts = []Doubt{{"198.18.0.2 waits", "--policy 198.18.0.2=lockstep"}}
	Mask{Addresses: true}.Document(d)
	for _, format := range ownFormats {
		out := writeOwn(t, format, d)
		for _, secret := range []string{"198.18.0.2", "198.18.0.11"} {
			if strings.Contains(out, secret) {
				t.Errorf("%s: %s is shown", format, secret)
			}
		}
	}
}

// TestOriginOfSeveralIsInEach: the stall that hurt two kinds of clients stands in the entries of both.
func TestOriginOfSeveralIsInEach(t *testing.T) {
	d := sample()
	other := d.Findings[1]
	other.Library, other.Fingerprint, other.Client = "redis-py", "other", netip.MustParseAddr("198.18.0.9")
	d.Findings = append(d.Findings, other)
	d.Incidents = incident.Join(d.Findings, nil)
	n := 0
	for i := range d.Incidents {
		if slices.ContainsFunc(d.FindingsOf(&d.Incidents[i]), func(f *incident.Finding) bool { return f.Rule == "RS401" }) {
			n++
		}
	}
	if n != 2 {
		t.Errorf("the stall is in %d incidents, want 2", n)
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
		if got := ExamplePlace(e); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
