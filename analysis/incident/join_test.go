package incident

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// by makes an occurrence of a client with a library, in which so many calls got another call's reply.
func by(client byte, library string, conn int64, seconds int, server netip.AddrPort, calls int) Occurrence {
	o := at(conn, seconds, server)
	o.Client = netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, client}), 40000)
	o.Library, o.Policy = library, "lockstep"
	if calls > 0 {
		o.Victims, o.Commands, o.Count, o.Severity = map[string]int{"nil": calls}, map[string]int{"GET": calls}, calls, Critical
	}
	return o
}

// desyncRules are rules with the words and the causes that the ones of these numbers have.
func desyncRules(reg *Register) (stalls, timeouts, reuses, misreads, leaks, quits *Collector) {
	rule := func(id, one, many string, causes ...Cause) Rule {
		return Rule{ID: id, Name: "rule-" + id, Summary: id, CausedBy: causes, Step: StepText{One: one, Many: many}}
	}
	of := func(share Share, rules ...string) Cause { return Cause{Rules: rules, Share: share} }
	stalls = reg.Begin(rule("RS401", "a stall", "%d stalls"))
	timeouts = reg.Begin(rule("RS210", "1 timeout", "%d timeouts", of(SameServer, "RS401")))
	reuse := rule("RS101", "1 connection was used again", "%d connections were used again", of(SameEnds, "RS210"))
	reuse.Step.Connections = true
	reuse.Step.Remedy = func(in *Incident) []string { return []string{fmt.Sprintf("restart %d", len(in.Clients))} }
	reuses = reg.Begin(reuse)
	misread := rule("RS103", "1 call got another call's reply", "%d calls got another call's reply", of(SameConnection, "RS101"))
	misread.Step.Calls = true
	misreads = reg.Begin(misread)
	leaks = reg.Begin(rule("RS201", "1 leak", "%d leaks", of(SameConnection, "RS103")))
	quits = reg.Begin(rule("RS109", "1 QUIT", "%d QUITs", of(SameEnds, "RS210")))
	return stalls, timeouts, reuses, misreads, leaks, quits
}

// TestOneFaultOneIncident: a bug of thirty clients on three servers, each with all of its rules.
func TestOneFaultOneIncident(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	stalls, timeouts, reuses, misreads, leaks, quits := desyncRules(reg)
	servers := []netip.AddrPort{redisA, redisB, netip.MustParseAddrPort("10.0.0.3:6379")}
	conn := int64(0)
	for _, server := range servers {
		o := at(0, 1, server)
		o.AnyClient, o.Severity = true, Medium
		stalls.Add(o)
		for client := byte(1); client <= 30; client++ {
			conn++
			timeout := by(client, "jedis", conn, 2, server, 0)
			timeout.Severity, timeout.Timeout = Medium, 300*time.Millisecond
			timeouts.Add(timeout)
			reuse := by(client, "jedis", conn, 3, server, 2)
			reuse.Count = 7 // the later ones of the connection are consequences
			reuses.Add(reuse)
			misreads.Add(by(client, "jedis", conn, 3, server, 2))
			leaks.Add(by(client, "", conn, 4, server, 0)) // the rule does not know the library
			quit := by(client, "jedis", conn+1000, 4, server, 0)
			quit.Severity = Low
			quits.Add(quit)
			if client <= 2 {
				reg.StillOpen(conn)
			}
		}
	}
	all := reg.Findings()
	incidents := reg.Incidents(all)
	if len(incidents) != 1 {
		t.Fatalf("%d incidents of %d findings, want 1", len(incidents), len(all))
	}
	in := &incidents[0]
	d := in.Damage
	if in.Class != Desync || in.Library != "jedis" || d.Clients != 30 || d.Connections != 90 || d.Misread != 90 || d.Calls != 180 || d.Open != 6 || d.AtLeast {
		t.Errorf("%s %s %+v", in.Class, in.Library, d)
	}
	if want := "180 calls got another call's reply, on 90 connections of 30 clients (jedis)"; in.Title != want {
		t.Errorf("title %q, want %q", in.Title, want)
	}
	if in.Cause.What != "rule-RS401" || len(in.Cause.Servers) != 3 || in.Cause.First != capture.Time(1e9) || in.Cause.Timeout != 300*time.Millisecond {
		t.Errorf("cause %+v", in.Cause)
	}
	var steps []string
	for _, s := range in.Steps {
		steps = append(steps, fmt.Sprintf("%s %s %d", s.Rule, s.Role, s.Count))
	}
	if want := []string{"RS401 cause 3", "RS210 cause 90", "RS101 cause 90", "RS103 effect 180", "RS201 effect 90", "RS109 harmless 90"}; !slices.Equal(steps, want) {
		t.Errorf("steps %q, want %q", steps, want)
	}
	if !slices.Equal(in.Remedy, []string{"restart 30"}) {
		t.Errorf("remedy %q", in.Remedy)
	}
	for i := range all {
		if f := &all[i]; f.Incident != 1 || f.Client.IsValid() && f.Library != "jedis" {
			t.Errorf("%s of %s: incident %d, library %q", f.Rule, f.Client, f.Incident, f.Library)
		}
	}
	// Of saved findings the same is known, but for what only the run counts.
	for i := range all {
		all[i].Incident = 0
	}
	saved := Join(all, []Rule{{ID: "RS103", Step: StepText{One: "1 call", Many: "%d calls", Calls: true}}})
	if len(saved) != 1 || saved[0].Damage.Calls != 180 || saved[0].Damage.Connections != 90 || saved[0].Damage.Clients != 30 || !saved[0].Damage.AtLeast {
		t.Errorf("of saved findings: %d incidents, %+v", len(saved), saved[0].Damage)
	}
	if saved[0].Fingerprint != in.Fingerprint {
		t.Errorf("fingerprint %s, of the run %s", saved[0].Fingerprint, in.Fingerprint)
	}
}

// TestTwoBugsAreTwo: one stall, and a client on each side of it.
func TestTwoBugsAreTwo(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	stalls, timeouts, reuses, misreads, _, _ := desyncRules(reg)
	o := at(0, 1, redisA)
	o.AnyClient, o.Severity = true, Medium
	stalls.Add(o)
	wait := func(client byte, library string, conn int64) {
		o := by(client, library, conn, 2, redisA, 0)
		o.Severity = Medium
		timeouts.Add(o)
	}
	wait(1, "jedis", 1)
	reuses.Add(by(1, "jedis", 1, 3, redisA, 2))
	misreads.Add(by(1, "jedis", 1, 3, redisA, 2))
	wait(2, "redis-py", 2)
	misreads.Add(by(2, "redis-py", 2, 3, redisA, 1))
	reuses.Add(by(2, "redis-py", 2, 3, redisA, 1))
	wait(3, "redigo", 3) // it closes its connections: its timeouts are an incident of the server
	all := reg.Findings()
	incidents := reg.Incidents(all)
	var got []string
	for i := range incidents {
		in := &incidents[i]
		got = append(got, fmt.Sprintf("%d %s %s %d %s", in.ID, in.Class, in.Library, in.Damage.Calls, in.Cause.What))
	}
	want := []string{"1 desync jedis 2 rule-RS401", "2 desync redis-py 1 rule-RS401", "3 server fault redigo 0 rule-RS401"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for i := range all {
		if f := &all[i]; f.Rule == "RS401" && f.Incident != 1 {
			t.Errorf("the stall is of incident %d, want the worst that it led to", f.Incident)
		}
	}
	for i := range incidents {
		if incidents[i].Steps[0].Rule != "RS401" {
			t.Errorf("incident %d does not have its origin: %+v", i+1, incidents[i].Steps)
		}
	}
	if incidents[0].Fingerprint == incidents[1].Fingerprint {
		t.Error("two incidents have one fingerprint")
	}
}

// TestUnknownLibraries: without a name, only the same server and policy make clients of one kind.
func TestUnknownLibraries(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	_, _, reuses, _, _, _ := desyncRules(reg)
	reuses.Add(by(1, "", 1, 1, redisA, 0))
	reuses.Add(by(2, "", 2, 1, redisA, 0))
	reuses.Add(by(3, "", 3, 1, redisB, 0))
	if incidents := reg.Incidents(reg.Findings()); len(incidents) != 2 || incidents[0].Damage.Clients != 2 {
		t.Errorf("%d incidents, the first of %d clients", len(incidents), incidents[0].Damage.Clients)
	}
}

// TestIncidentsOfWhatIsLeft: findings that a filter leaves out are in no incident, nor counted.
func TestIncidentsOfWhatIsLeft(t *testing.T) {
	reg := newTestRegister(RegisterOptions{})
	_, _, reuses, misreads, _, _ := desyncRules(reg)
	for conn := int64(1); conn <= 4; conn++ {
		server := []netip.AddrPort{redisA, redisB}[conn%2]
		reuses.Add(by(1, "jedis", conn, 1, server, 1))
		misreads.Add(by(1, "jedis", conn, 1, server, 1))
	}
	all := slices.DeleteFunc(reg.Findings(), func(f Finding) bool { return f.Server == redisA })
	in := reg.Incidents(all)[0]
	if in.Damage.Calls != 2 || in.Damage.Connections != 2 || !slices.Equal(in.Servers, []netip.AddrPort{redisB}) {
		t.Errorf("%+v of %v", in.Damage, in.Servers)
	}
	if reg.Incidents(nil) != nil && len(reg.Incidents(nil)) > 0 {
		t.Error("no finding, and an incident")
	}
}

// TestLiveIncidentsCountOnce: the reports of an open connection replace one another.
func TestLiveIncidentsCountOnce(t *testing.T) {
	reg := newTestRegister(RegisterOptions{Live: true})
	_, _, _, misreads, _, _ := desyncRules(reg)
	for calls := 1; calls <= 5; calls++ {
		reg.Report(7, true, true, func() { misreads.Add(by(1, "jedis", 7, 1, redisA, calls)) })
		if in := reg.Incidents(reg.Findings())[0]; in.Damage.Calls != calls {
			t.Errorf("%d calls, want %d", in.Damage.Calls, calls)
		}
	}
	reg.Report(7, false, false, func() { misreads.Add(by(1, "jedis", 7, 1, redisA, 6)) })
	if in := reg.Incidents(reg.Findings())[0]; in.Damage.Calls != 6 {
		t.Errorf("%d calls, want 6", in.Damage.Calls)
	}
}

// TestStoryHasOneCause: the first reuse of a connection is the cause, what follows is not; no row stands before its cause.
func TestStoryHasOneCause(t *testing.T) {
	stall := StallSpan{Start: 1e9, End: 4e9, StartFrame: 10, EndFrame: 20}
	reg := newTestRegister(RegisterOptions{StallBehind: func(netip.AddrPort, capture.Time, capture.Time) (StallSpan, bool) { return stall, true }})
	_, _, reuses, misreads, _, _ := desyncRules(reg)
	outcome := Outcome{
		Conn: 1, Client: app, Server: redisA, File: "a.pcap", Abandoned: Wait{Conn: 1, From: 2e9, To: 3e9, Index: 3, Frame: 12, Command: "GET a"},
		Next: "GET b", NextIndex: 4, Reused: 3e9, ReusedFrame: 15, ReplyTime: 4e9, ReplyFrame: 20, Misreads: 30, End: "closed", EndTime: 9e9,
	}
	for i := range 14 {
		outcome.Victims = append(outcome.Victims, pairing.Victim{Index: 4 + i, Command: "GET", Key: "b", Serves: 4 + i, Believes: 3 + i, Frame: int64(15 + 10*i),
			Time: capture.Time(3e9 + i), Meant: "nil", Got: "bulk"})
	}
	reg.LostPlace(func() Outcome { return outcome })
	second := outcome
	second.Conn, second.Victims, second.Open = 2, nil, true
	reg.LostPlace(func() Outcome { return second })
	for conn := int64(1); conn <= 2; conn++ {
		reuses.Add(by(1, "jedis", conn, 3, redisA, 1))
		misreads.Add(by(1, "jedis", conn, 3, redisA, 1))
	}
	in := reg.Incidents(reg.Findings())[0]
	s := in.Story
	if s.Conn != 1 || s.File != "a.pcap" || len(s.Rows) != maxRows {
		t.Fatalf("story of connection %d with %d rows", s.Conn, len(s.Rows))
	}
	again, shown := 0, 0
	for i, r := range s.Rows {
		if i > 0 && r.Time < s.Rows[i-1].Time {
			t.Errorf("row %d is before the one above it", i)
		}
		if strings.Contains(r.Note, "used again") {
			again++
		}
		if r.Misread() {
			shown++
		}
	}
	if again != 1 || shown+s.More != 30 {
		t.Errorf("used again %d times, %d calls shown and %d more", again, shown, s.More)
	}
	if first := s.Rows[0]; first.Frame != 10 || first.Role != RoleCause || s.Rows[maxRows-1].What != "closed" {
		t.Errorf("first row %+v, last %+v", first, s.Rows[maxRows-1])
	}
	if len(in.Others) != 1 || in.Others[0].Conn != 2 || !strings.Contains(in.Others[0].What, "still open") {
		t.Errorf("others %+v", in.Others)
	}
}

func TestSettings(t *testing.T) {
	for measured, want := range map[time.Duration]string{
		300340 * time.Microsecond: "300 ms", 302 * time.Millisecond: "300 ms", 2002272 * time.Microsecond: "2 s", 1504 * time.Millisecond: "1.5 s",
		30050 * time.Millisecond: "30 s", 51 * time.Millisecond: "50 ms", 5 * time.Millisecond: "5 ms",
	} {
		if got := SettingText(Setting(measured)); got != want {
			t.Errorf("%s: %s, want %s", measured, got, want)
		}
	}
}
