package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

var (
	redisA = netip.MustParseAddrPort("10.0.0.2:6379")
	redisB = netip.MustParseAddrPort("10.0.0.2:6380")
	app    = netip.MustParseAddrPort("10.0.0.1:40000")
)

func newTestRegister(o RegisterOptions) *Register {
	if o.MaxExamples == 0 {
		o.MaxExamples = 5
	}
	return NewRegister(o)
}

func ruleNamed(id string, causes ...Cause) Rule {
	return Rule{ID: id, Name: "test", Summary: "summary of " + id, CausedBy: causes, Step: StepText{One: "1 " + id, Many: "%d " + id}}
}

// at makes an occurrence on a connection at a time in seconds.
func at(conn int64, seconds int, server netip.AddrPort) Occurrence {
	return Occurrence{
		Client: app, Server: server, Conn: conn, Time: capture.Time(seconds) * 1e9, Severity: High, Confidence: pairing.Strong,
		Evidence: func() Example { return Example{Facts: []string{fmt.Sprintf("conn %d at %d", conn, seconds)}} },
	}
}

func TestFingerprintHasTheServersPort(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	c := reg.Begin(ruleNamed("RS201"))
	c.Add(at(1, 1, redisA))
	c.Add(at(2, 2, redisB))
	all := reg.Findings()
	if len(all) != 2 || all[0].Fingerprint == all[1].Fingerprint || strings.Count(all[1].Fingerprint, "-") != 1 {
		t.Fatalf("%+v, want two findings with fingerprints of their own and no suffix", all)
	}
	// What it was of both before, told apart by the order of sorting.
	if got := FormerFingerprints(all); got[0] != "RS201-401dd92875ac" || got[1] != "RS201-401dd92875ac-2" {
		t.Errorf("former fingerprints %v", got)
	}
	again := newTestRegister(RegisterOptions{})
	again.Begin(ruleNamed("RS201")).Add(at(7, 99, redisB))
	if f := again.Findings(); f[0].Fingerprint != all[1].Fingerprint {
		t.Errorf("alone the second one is %s, beside the first %s", f[0].Fingerprint, all[1].Fingerprint)
	}
}

// TestFurtherClientsHaveARowOfTheirOwn: 301 clients beyond the bound are counted, and not with another client.
func TestFurtherClientsHaveARowOfTheirOwn(t *testing.T) {
	var bounds bound.Set
	reg := newTestRegister(RegisterOptions{Bounds: &bounds})
	c := reg.Begin(ruleNamed("RS302"))
	c.Title = func(f *Finding) string { return fmt.Sprintf("%s did it %d times", f.Client, f.Count) }
	limit := reg.bounds.findings.Limit
	for i := range limit + 301 {
		o := at(int64(i+1), 1, redisA)
		o.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 40000)
		c.Add(o)
		c.Add(o)
	}
	all := reg.Findings()
	if len(all) != limit+1 {
		t.Fatalf("%d findings, want %d", len(all), limit+1)
	}
	for _, f := range all[:limit] {
		if f.Count != 2 || !f.Client.IsValid() || f.More != 0 {
			t.Fatalf("%s counts %d, more %d", f.Client, f.Count, f.More)
		}
	}
	f := all[limit]
	if f.Client.IsValid() || f.Server.IsValid() || f.Count != 602 || f.More != 301 || f.Connections != 301 {
		t.Errorf("the row for the others: client %s, server %s, count %d, more %d, connections %d", f.Client, f.Server, f.Count, f.More, f.Connections)
	}
	if want := "and 301 more clients: summary of RS302"; f.Title != want {
		t.Errorf("title %q, want %q", f.Title, want)
	}
	if r := bounds.Reached(); len(r) != 1 || r[0].Name != "findings of one rule" || r[0].Hits != 301 || bounds.LosesEvidence() {
		t.Errorf("bounds reached: %+v", r)
	}
}

// TestReportReplacesTheLastOne: the state of an open connection takes the place of the one reported before: counts,
// victims, commands and examples.
func TestReportReplacesTheLastOne(t *testing.T) {
	reg := newTestRegister(RegisterOptions{Live: true})
	c := reg.Begin(ruleNamed("RS106"))
	state := func(conn int64, open bool, times ...int) {
		reg.Report(conn, open, open, func() {
			for _, s := range times { // one report may have several occurrences
				o := at(conn, s, redisA)
				o.Victims, o.Commands = map[string]int{"redirect": 1}, map[string]int{"GET": 1}
				c.Add(o)
			}
		})
	}
	check := func(when string, count int) {
		t.Helper()
		f := reg.Findings()[0]
		if f.Count != count || f.Victims[0].Count != count || f.Commands[0].Count != count || len(f.Examples) != min(count, 5) {
			t.Errorf("%s: count %d, victims %v, commands %v, %d examples; want %d of each", when, f.Count, f.Victims, f.Commands, len(f.Examples), count)
		}
	}
	beside := at(1, 1, redisA)
	beside.Victims, beside.Commands = map[string]int{"redirect": 1}, map[string]int{"GET": 1}
	c.Add(beside) // on the same connection, of no report
	state(1, true, 2)
	check("first state", 2)
	state(1, true, 2, 3, 4)
	check("second state", 4)
	state(2, true, 5)
	check("another connection", 5)
	state(1, false, 2, 3, 4, 6)
	check("last state", 6)
	state(2, false, 5)
	check("all closed", 6)
}

func TestPanicInATextIsARulesFailure(t *testing.T) {
	failures := 0
	reg := newTestRegister(RegisterOptions{Failed: func(any) { failures++ }})
	c := reg.Begin(ruleNamed("RS401"))
	var nobody *Finding
	c.Title = func(*Finding) string { return nobody.Title }
	c.Notes = func(*Finding) []string { return nobody.Notes }
	c.Remedy = func(*Finding) string { return "remedy" }
	c.Add(at(1, 1, redisA))
	f := reg.Findings()[0]
	if f.Title != "summary of RS401" || f.Remedy != "remedy" || f.Count != 1 || failures != 2 {
		t.Errorf("%q, remedy %q, count %d, %d failures", f.Title, f.Remedy, f.Count, failures)
	}
}

// TestResumedRegister: what an earlier run reported goes on in the next one.
func TestResumedRegister(t *testing.T) {
	rules := func(reg *Register) (timeouts Facts[int], reuses *Collector) {
		timeouts = Keep(reg.Begin(ruleNamed("RS210")), Texts[int]{
			Title: func(f *Finding, slowest *int) string {
				return fmt.Sprintf("%d on %d, slowest %d", f.Count, f.Connections, *slowest)
			},
		})
		return timeouts, reg.Begin(ruleNamed("RS101", Cause{Rules: []string{"RS210"}, Share: SameConnection}))
	}
	add := func(reg *Register, timeouts Facts[int], reuses *Collector, conns ...int64) {
		for _, conn := range conns {
			o := at(conn, int(conn), redisA)
			o.Notes = []string{"noted"}
			slowest := timeouts.Add(o)
			*slowest = max(*slowest, int(conn))
			reg.Report(conn, true, true, func() {
				o := at(conn, int(conn), redisA)
				o.Victims = map[string]int{"nil": 1}
				reuses.Add(o)
			})
		}
	}
	first := newTestRegister(RegisterOptions{Live: true})
	timeouts, reuses := rules(first)
	add(first, timeouts, reuses, 1, 2, 3, 4, 5)
	if got := first.Findings(); got[1].Title != "5 on 5, slowest 5" {
		t.Fatalf("before: %q", got[1].Title)
	}
	next := newTestRegister(RegisterOptions{Live: true})
	next.Resume(first)
	timeouts, reuses = rules(next)
	add(next, timeouts, reuses, 6, 7, 8, 9, 10, 11, 12)
	all := next.Findings()
	if len(all) != 2 {
		t.Fatalf("%d findings, want 2", len(all))
	}
	reuse, timeout := &all[0], &all[1]
	if timeout.Title != "12 on 12, slowest 12" || !slices.Equal(timeout.Notes, []string{"noted"}) {
		t.Errorf("%q, notes %q", timeout.Title, timeout.Notes)
	}
	if reuse.Count != 12 || reuse.Connections != 12 || reuse.Victims[0].Count != 12 || len(reuse.Examples) != 5 {
		t.Errorf("count %d, connections %d, victims %v, %d examples", reuse.Count, reuse.Connections, reuse.Victims, len(reuse.Examples))
	}
	if !slices.Equal(reuse.Causes, []string{timeout.Fingerprint}) || reuse.First != capture.Time(1e9) || reuse.Last != capture.Time(12e9) {
		t.Errorf("causes %v, from %d to %d", reuse.Causes, reuse.First, reuse.Last)
	}
}

// TestStandingCount: pools that are counted anew are not added.
func TestStandingCount(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	c := reg.Begin(ruleNamed("RS202"))
	for _, n := range []int{12, 14, 9} {
		o := at(0, 1, redisA)
		o.Count, o.Standing = n, true
		c.Add(o)
	}
	if f := reg.Findings()[0]; f.Count != 14 {
		t.Errorf("count %d, want 14", f.Count)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	c := reg.Begin(ruleNamed("RS402"))
	for i := range reg.bounds.labels.Limit + 7 {
		o := at(1, 1, redisA)
		o.Commands = map[string]int{fmt.Sprint("X", i): 1}
		c.Add(o)
	}
	f := reg.Findings()[0]
	if f.Commands[0] != (Tally{otherLabels, 7}) || len(f.Commands) != reg.bounds.labels.Limit+1 || reg.bounds.labels.Hits != 7 {
		t.Errorf("%v first of %d, %d hits", f.Commands[0], len(f.Commands), reg.bounds.labels.Hits)
	}
}
