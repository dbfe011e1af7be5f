package incident

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// roles gives the clients 10.0.0.1 and 10.0.0.2 one name once it is known.
func roles(known *bool) Names {
	return Names{Client: func(a netip.Addr) string {
		if *known && a != netip.MustParseAddr("10.0.0.3") {
			return "app"
		}
		return ""
	}}
}

func occurrenceOf(client string) Occurrence {
	return Occurrence{
		Client: netip.AddrPortFrom(netip.MustParseAddr(client), 40000), Server: netip.MustParseAddrPort("10.0.0.9:6379"), Conn: 1, Time: 1,
		Severity: High, Confidence: pairing.Strong,
	}
}

// TestClientsOfOneRole: findings of one role have one fingerprint but for a number, in order of their addresses, whichever was
// seen first.
func TestClientsOfOneRole(t *testing.T) {
	var first []string
	for _, order := range [][]string{{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, {"10.0.0.3", "10.0.0.2", "10.0.0.1"}} {
		known := true
		g := NewRegister(RegisterOptions{MaxExamples: 1, Names: roles(&known)})
		c := g.Begin(Rule{ID: "RS201"})
		for _, client := range order {
			c.Add(occurrenceOf(client))
		}
		prints := map[string]string{}
		for _, f := range g.Findings() {
			prints[f.Client.String()] = f.Fingerprint
		}
		got := []string{prints["10.0.0.1"], prints["10.0.0.2"], prints["10.0.0.3"]}
		if got[1] != got[0]+"-2" || Unnumbered(got[1]) != got[0] || strings.HasPrefix(got[2], got[0]) || Unnumbered(got[2]) != got[2] {
			t.Errorf("fingerprints %q", got)
		}
		if first == nil {
			first = got
		} else if strings.Join(first, " ") != strings.Join(got, " ") {
			t.Errorf("%q in one order, %q in the other", first, got)
		}
	}
}

// TestEarlyFingerprintsStay: a live run does not rename what it has reported when a name comes, nor what it takes over.
func TestEarlyFingerprintsStay(t *testing.T) {
	known := false
	g := NewRegister(RegisterOptions{MaxExamples: 1, Live: true, Names: roles(&known)})
	c := g.Begin(Rule{ID: "RS201"})
	c.Add(occurrenceOf("10.0.0.1"))
	var early []string
	g.Early(0, func(f Finding) bool {
		early = append(early, f.Fingerprint)
		return true
	})
	known = true
	c.Add(occurrenceOf("10.0.0.2"))
	g.Early(0, func(f Finding) bool {
		early = append(early, f.Fingerprint)
		return true
	})
	next := NewRegister(RegisterOptions{MaxExamples: 1, Live: true})
	next.Resume(g)
	next.Begin(Rule{ID: "RS201"})
	for _, reg := range []*Register{g, next} {
		for i, f := range reg.Findings() {
			if f.Fingerprint != early[i] {
				t.Errorf("%s was reported as %s", f.Fingerprint, early[i])
			}
		}
	}
	if len(early) != 2 || early[0] == early[1] {
		t.Errorf("early: %q", early)
	}
}
