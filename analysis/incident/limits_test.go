package incident

import (
	"net/netip"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// TestMoreRowsSayWhatTheyAreAbout: the row counts clients where they differ, else servers, else groups, each once.
func TestMoreRowsSayWhatTheyAreAbout(t *testing.T) {
	client := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}) }
	server := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(i)}), 6379)
	}
	for _, c := range []struct {
		want   string
		limit  int
		groups []groupID
	}{
		{"1 more client", 9, []groupID{{client: client(1), server: server(1)}}},
		{"2 more clients", 9, []groupID{{client: client(1), server: server(1)}, {client: client(2), server: server(1)}}},
		{"2 more clients", 9, []groupID{ // three groups
			{client: client(1), server: server(1)}, {client: client(2), server: server(1)}, {client: client(2), server: server(1), subject: "slot 1"},
		}},
		{"3 more servers", 9, []groupID{{client: client(1), server: server(1)}, {client: client(1), server: server(2)}, {client: client(1), server: server(3)}}},
		{"2 more groups", 9, []groupID{{client: client(1), server: server(1), subject: "slot 1"}, {client: client(1), server: server(1), subject: "slot 2"}}},
		{"1 more server", 9, []groupID{{server: server(1)}}},
		{"2 more clients", 2, []groupID{{client: client(1)}, {client: client(2)}, {client: client(3)}, {client: client(4)}}},
	} {
		m, limit := newMoreRows(), &bound.Bound{Limit: c.limit}
		for _, id := range c.groups {
			if !m.has(id) {
				m.add(id, limit)
			}
		}
		if got := m.String(); got != c.want || limit.Hits != int64(max(len(c.groups)-c.limit, 0)) {
			t.Errorf("%v: %q with %d hits, want %q", c.groups, got, limit.Hits, c.want)
		}
	}
}

// TestConnectionsOfAllFindings: the numbers that all groups keep together are bounded, before a restart and after it.
func TestConnectionsOfAllFindings(t *testing.T) {
	set := func() *bound.Set { return &bound.Set{Memory: 64 << 20} }
	reached := func(s *bound.Set) map[string]int64 {
		hits := map[string]int64{}
		for _, b := range s.Reached() {
			hits[b.Name] = b.Hits
		}
		return hits
	}
	bounds := set()
	reg := newTestRegister(RegisterOptions{Bounds: bounds})
	c := reg.Begin(ruleNamed("RS201"))
	const each = 40_000 // of two findings; 65,536 are kept
	for i := range each {
		c.Add(at(int64(2*i+1), 1, redisA))
		c.Add(at(int64(2*i+2), 1, redisB))
	}
	if hits := reached(bounds); hits["connections of all findings"] != 2*each-1<<16 || bounds.LosesEvidence() {
		t.Errorf("reached %v", hits)
	}

	// Those of the finding that does not fit any more are counted, no longer known one by one.
	bounds = set()
	next := newTestRegister(RegisterOptions{Bounds: bounds})
	next.Resume(reg)
	c = next.Begin(ruleNamed("RS201"))
	all := next.Findings()
	if all[0].Connections+all[1].Connections != 1<<16 || all[0].Connections < 1<<15-1 {
		t.Errorf("%d and %d connections, want %d in all", all[0].Connections, all[1].Connections, 1<<16)
	}
	if hits := reached(bounds); hits["connections of findings from before a restart"] != 1<<15 {
		t.Errorf("reached %v", hits)
	}
	for i := range each { // those taken over count among all that are kept
		c.Add(at(int64(200_000+i), 3, redisB))
	}
	if hits := reached(bounds); hits["connections of all findings"] != each-1<<15 {
		t.Errorf("reached %v", hits)
	}
}

// TestMarksAreBounded: connections beyond the bound are in no list with their findings, and that is counted.
func TestMarksAreBounded(t *testing.T) {
	bounds := &bound.Set{Memory: 64 << 20}
	reg := newTestRegister(RegisterOptions{Bounds: bounds})
	reg.KeepMarks()
	c := reg.Begin(ruleNamed("RS201"))
	const limit = maxMarked / 8
	for i := range limit + 3 {
		c.Add(at(int64(i+1), 1, redisA))
		c.Add(at(1, 2, redisA)) // known already
	}
	if r := bounds.Reached(); len(r) != 1 || r[0].Name != "connections marked with their findings" || r[0].Hits != 3 || r[0].Loses != bound.Detail {
		t.Errorf("reached %+v", r)
	}
	if len(reg.Marks(limit)) != 1 || len(reg.Marks(limit+1)) != 0 {
		t.Errorf("marks of the last connection kept %v, of the next %v", reg.Marks(limit), reg.Marks(limit+1))
	}
}

// TestResumedRegisterKeepsWhatIsOpen: what a report of an open connection added before a restart stays when a connection of
// that number is reported after it, and a rule that was weakened stays weakened.
func TestResumedRegisterKeepsWhatIsOpen(t *testing.T) {
	first := newTestRegister(RegisterOptions{Live: true})
	c := first.Begin(ruleNamed("RS106"))
	o := at(7, 1, redisA)
	o.Weakened = true
	first.Report(8, true, true, func() {}) // the reports of the two runs have other numbers
	first.Report(7, true, true, func() { c.Add(o) })
	next := newTestRegister(RegisterOptions{Live: true})
	next.Resume(first)
	c = next.Begin(ruleNamed("RS106"))
	next.Report(7, true, true, func() { c.Add(at(7, 2, redisA)) })
	if f := next.Findings()[0]; f.Count != 2 || f.Connections != 1 {
		t.Errorf("count %d on %d connections, want 2 on 1", f.Count, f.Connections)
	}
	if w := next.Weakened(); len(w) != 1 || w[0] != "RS106" {
		t.Errorf("weakened %v", w)
	}
}

// TestPanicsInTexts: what a rule's remedy, its step of an incident, or the search for causes panics with is a failure of its
// own; the findings stay.
func TestPanicsInTexts(t *testing.T) {
	failures := 0
	reg := newTestRegister(RegisterOptions{
		Failed:      func(any) { failures++ },
		StallBehind: func(netip.AddrPort, capture.Time, capture.Time) (StallSpan, bool) { panic("stall") },
	})
	cause := reg.Begin(ruleNamed("RS210"))
	cause.Remedy = func(*Finding) string { panic("remedy") }
	cause.stepText = func([]*Finding, int) string { panic("step") }
	effect := reg.Begin(ruleNamed("RS101", Cause{Rules: []string{"RS210"}, Share: SameConnection}))
	cause.Add(at(1, 1, redisA))
	effect.Add(at(1, 2, redisA))
	reg.WaitEnded(Wait{Conn: 1, Server: redisA})
	all := reg.Findings()
	if len(all) != 2 || failures != 2 || all[0].Title == "" || all[1].Title == "" {
		t.Fatalf("%d findings, %d failures, want 2 of each", len(all), failures)
	}
	all[0].Causes, all[1].Causes = nil, nil
	for i := range all {
		if all[i].Rule == "RS101" {
			all[i].Causes = []string{all[1-i].Fingerprint}
		}
	}
	if in := reg.Incidents(all); len(in) != 0 || failures != 3 {
		t.Errorf("%d incidents, %d failures, want none and one more", len(in), failures)
	}
}
