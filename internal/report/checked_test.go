package report

import (
	"bytes"
	"testing"
)

// TestVerificationFollowsTheSchema: captures as expected, not as expected and not compared.
func TestVerificationFollowsTheSchema(t *testing.T) {
	good, bad, none := sample(), sample(), &Document{Input: []Input{{File: "a.pcap", Error: "no such file"}}}
	good.Checked = &Checked{Capture: "good.pcap"}
	bad.Checked = &Checked{Capture: "bad.pcap", Missing: []string{"RS302 was not found"}, Unexpected: []string{"RS101"}, Findings: []string{"RS101-1"}, LeftOut: 2}
	bad.Quality.NotTCP, bad.Quality.Unread = 3, []Unread{{"UDP to port 37008 (TZSP)", 3}}
	none.Checked = &Checked{Capture: "a.pcap", Error: "no such file"}
	var out bytes.Buffer
	if err := WriteVerified(&out, []*Document{good, bad, none}); err != nil {
		t.Fatal(err)
	}
	validate(t, "verification", out.Bytes())
}
