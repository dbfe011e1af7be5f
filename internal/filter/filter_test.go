package filter

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/report"
)

func TestParseMoment(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	first := capture.TimeOf(time.Date(2019, 5, 26, 23, 30, 0, 0, time.UTC)) // the 27th in Berlin
	want := time.Date(2019, 5, 26, 7, 16, 26, 801e6, time.UTC)
	for _, tc := range []struct {
		text string
		want time.Time
	}{
		{"2019-05-26T07:16:26.801Z", want},
		{"2019-05-26T09:16:26.801+02:00", want},
		{"2019-05-26 09:16:26:801", want},
		{"2019-05-26 09:16:26,801", want},
		{"2019-05-26 09:16:26.801", want},
		{"2019/05/26 09:16:26.801", want},
		{"26/May/2019:09:16:26 +0200", want.Truncate(time.Second)},
		{"1558854986.801", want},
		{"1558854986", want.Truncate(time.Second)},
		{"1558854986801", want},
		{"1558854986801000", want},
		{"[2019-05-26 09:16:26,801]", want},
		{"2019-05-26 07:16:26.801 UTC", want},
		{"2019-05-26 07:16:26,801 +0000", want},
		{"2019-05-26 09:16:26.801 CEST +02:00", want},
		{"Sun, 26 May 2019 07:16:26 +0000", want.Truncate(time.Second)},
		{"Sun May 26 09:16:26 2019", want.Truncate(time.Second)},
		{"May 26 09:16:26", want.Truncate(time.Second)},
		{"May 26 09:16:26.801", want},
		{"09:16:26:801", want.AddDate(0, 0, 1)},
		{"09:16:26", want.Truncate(time.Second).AddDate(0, 0, 1)},
		{"2019-05-26", time.Date(2019, 5, 25, 22, 0, 0, 0, time.UTC)},
	} {
		got, err := parseMoment(tc.text, berlin, first)
		if err != nil || got != capture.TimeOf(tc.want) {
			t.Errorf("%s: %v %v, want %v", tc.text, got.Std(), err, tc.want)
		}
	}
	for _, bad := range []string{"", "now", "12", "2019-13-01", "25:00:00", "1e9"} {
		if got, err := parseMoment(bad, berlin, first); err == nil {
			t.Errorf("%q was read as %v", bad, got.Std())
		}
	}
}

func TestFilter(t *testing.T) {
	at := capture.TimeOf(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	v4, v6 := netip.MustParseAddrPort("198.18.0.2:47868"), netip.MustParseAddrPort("[fd00:77::1]:6379")
	finding := &incident.Finding{
		Rule: "RS101", Severity: incident.High, First: at, Last: at.Add(time.Minute), Commands: []incident.Tally{{Label: "GET", Count: 1}},
		Examples: []incident.Example{{Victims: []pairing.Victim{{Command: "CLIENT REPLY", Key: "user:1/name"}}}},
	}
	for _, tc := range []struct {
		name string
		f    Filter
		want bool
	}{
		{"nothing", Filter{}, true},
		{"client", Filter{Clients: []string{"198.18.0.2"}}, true},
		{"client with port", Filter{Clients: []string{"198.18.0.2:47868"}}, true},
		{"other port", Filter{Clients: []string{"198.18.0.2:1"}}, false},
		{"or", Filter{Clients: []string{"198.18.0.2:1", "198.18.0.0/24"}}, true},
		{"and", Filter{Clients: []string{"198.18.0.0/24"}, Servers: []string{"10.0.0.1"}}, false},
		{"IPv6", Filter{Servers: []string{"[fd00:77::1]:6379"}}, true},
		{"IPv6 without port", Filter{Servers: []string{"fd00:77::1"}}, true},
		{"connection", Filter{Conns: []int64{3, 7}}, true},
		{"other connection", Filter{Conns: []int64{3}}, false},
		{"rule", Filter{Rules: []string{"rs101"}}, true},
		{"rule family", Filter{Rules: []string{"RS2", "RS1"}}, true},
		{"other rule", Filter{Rules: []string{"RS2"}}, false},
		{"rule by name", Filter{Rules: []string{"Dirty-Reuse"}}, true},
		{"other rule by name", Filter{Rules: []string{"server-stall"}}, false},
		{"not this rule", Filter{NotRules: []string{"dirty-reuse"}}, false},
		{"not another", Filter{NotRules: []string{"RS2", "rs109"}}, true},
		{"family without it", Filter{Rules: []string{"RS1"}, NotRules: []string{"RS101"}}, false},
		{"its severity", Filter{MinSeverity: "high"}, true},
		{"a higher severity", Filter{MinSeverity: "critical"}, false},
		{"command", Filter{Cmds: []string{"get"}}, true},
		{"container", Filter{Cmds: []string{"client"}}, true},
		{"other command", Filter{Cmds: []string{"CLI"}}, false},
		{"key", Filter{Keys: []string{"user:*"}}, true},
		{"key across a slash", Filter{Keys: []string{"user:?/n*"}}, true},
		{"other key", Filter{Keys: []string{"user"}}, false},
		{"since before its end", Filter{Since: "2026-01-01 12:00:30"}, true},
		{"since after", Filter{Since: "12:01:30"}, false},
		{"until before", Filter{Until: "11:59"}, false},
		{"around", Filter{Around: []string{"12:02+-1m30s"}}, true},
		{"around, with the sign", Filter{Around: []string{"12:02±30s", "11:00±1s"}}, false},
	} {
		if err := tc.f.Prepare(time.UTC); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if err := tc.f.Begin(at); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := tc.f.Connection(7, v4, v6) && tc.f.Finding(finding); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestEveryEventOfAConnectionIsFiltered(t *testing.T) {
	s := &analysis.Session{}
	s.ID = 7
	p := &s.Session
	f := &Filter{Conns: []int64{8}}
	for _, event := range []pairing.Event{
		&pairing.Exchange{Session: p}, &analysis.ConnSummary{ID: 7}, &analysis.Opened{Session: s}, &analysis.Control{Session: s},
		&analysis.Ended{Session: s}, &analysis.WaitEnded{Session: s}, &analysis.Sent{Session: s}, &analysis.Answered{Session: s},
		&pairing.Oddity{Session: p}, &desync.Desync{Conn: 7}, &pairing.Alignment{Session: p},
		&cluster.Redirected{Session: p},
	} {
		if f.event(event) {
			t.Errorf("%T of connection 7 passed --conn 8", event)
		}
	}
}

// TestChosenPairsAreBounded: findings of pairs beyond the bound may be missing, which makes a run incomplete.
func TestChosenPairsAreBounded(t *testing.T) {
	f := Filter{Servers: []string{"10.2.0.1:6379"}}
	if err := f.Prepare(time.UTC); err != nil {
		t.Fatal(err)
	}
	server := netip.MustParseAddrPort("10.2.0.1:6379")
	client := func(i int) netip.AddrPort {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 40000)
	}
	for i := range maxChosen + 5 {
		f.choose(int64(i), client(i), server)
		f.choose(int64(i), client(0), server) // known already
	}
	if r := f.Bounds().Reached(); len(r) != 1 || r[0].Hits != 5 || !f.Bounds().LosesEvidence() {
		t.Errorf("reached %+v", r)
	}
	if x := (incident.Finding{Rule: "RS101", Client: client(maxChosen - 1).Addr(), Server: server}); !f.Finding(&x) {
		t.Error("the finding of a chosen pair is left out")
	}
}

func TestLeftOut(t *testing.T) {
	if f := (&Filter{}); f.LeftOut(0) != nil || f.Active() {
		t.Error("an empty filter leaves something out")
	}
	f := &Filter{Conns: []int64{8}, NotRules: []string{"RS9"}, MinSeverity: "low"}
	if err := f.Prepare(time.UTC); err != nil {
		t.Fatal(err)
	}
	for id := range int64(10) {
		f.event(&analysis.ConnSummary{ID: id, Commands: 3})
	}
	want := &report.Filtered{By: []string{"--conn 8", "--not-rule RS9", "--min-severity low"}, Connections: 9, Commands: 27, Findings: 4}
	if diff := cmp.Diff(want, f.LeftOut(4)); diff != "" || !f.Active() {
		t.Error(diff)
	}
	if s := f.LeftOut(1).String(); s != "Left out by --conn 8, --not-rule RS9, --min-severity low: 9 connections with 27 commands, 1 finding." {
		t.Error(s)
	}
	for _, bad := range []Filter{{NotRules: []string{"RS999"}}, {Rules: []string{""}}, {MinSeverity: "worst"}} {
		if err := bad.Prepare(time.UTC); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
}
