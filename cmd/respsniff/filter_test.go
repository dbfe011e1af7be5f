package main

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
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

func TestFilterFlags(t *testing.T) {
	at := capture.TimeOf(time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC))
	v4, v6 := netip.MustParseAddrPort("198.18.0.2:47868"), netip.MustParseAddrPort("[fd00:77::1]:6379")
	finding := &analysis.Finding{
		Rule: "RS101", First: at, Last: at.Add(time.Minute), Commands: []analysis.Tally{{Label: "GET", Count: 1}},
		Examples: []analysis.Example{{Victims: []analysis.Victim{{Command: "CLIENT REPLY", Key: "user:1/name"}}}},
	}
	for _, tc := range []struct {
		name string
		f    filterFlags
		want bool
	}{
		{"nothing", filterFlags{}, true},
		{"client", filterFlags{clients: []string{"198.18.0.2"}}, true},
		{"client with port", filterFlags{clients: []string{"198.18.0.2:47868"}}, true},
		{"other port", filterFlags{clients: []string{"198.18.0.2:1"}}, false},
		{"or", filterFlags{clients: []string{"198.18.0.2:1", "198.18.0.0/24"}}, true},
		{"and", filterFlags{clients: []string{"198.18.0.0/24"}, servers: []string{"10.0.0.1"}}, false},
		{"IPv6", filterFlags{servers: []string{"[fd00:77::1]:6379"}}, true},
		{"IPv6 without port", filterFlags{servers: []string{"fd00:77::1"}}, true},
		{"connection", filterFlags{conns: []int64{3, 7}}, true},
		{"other connection", filterFlags{conns: []int64{3}}, false},
		{"rule", filterFlags{rules: []string{"rs101"}}, true},
		{"rule family", filterFlags{rules: []string{"RS2", "RS1"}}, true},
		{"other rule", filterFlags{rules: []string{"RS2"}}, false},
		{"command", filterFlags{cmds: []string{"get"}}, true},
		{"container", filterFlags{cmds: []string{"client"}}, true},
		{"other command", filterFlags{cmds: []string{"CLI"}}, false},
		{"key", filterFlags{keys: []string{"user:*"}}, true},
		{"key across a slash", filterFlags{keys: []string{"user:?/n*"}}, true},
		{"other key", filterFlags{keys: []string{"user"}}, false},
		{"since before its end", filterFlags{since: "2026-01-01 12:00:30"}, true},
		{"since after", filterFlags{since: "12:01:30"}, false},
		{"until before", filterFlags{until: "11:59"}, false},
		{"around", filterFlags{around: []string{"12:02+-1m30s"}}, true},
		{"around, with the sign", filterFlags{around: []string{"12:02±30s", "11:00±1s"}}, false},
	} {
		if err := tc.f.check(time.UTC); err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if err := tc.f.begin(at); err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if got := tc.f.connection(7, v4, v6) && tc.f.finding(finding); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// stall is a server that answers nobody for two seconds, though its kernel does, and another one that is well.
const stall = `
conn w 10.0.0.1:40001 -> 10.0.0.3:6379
repeat 20 every 2ms { w > GET k{i} => $v{i} }
repeat 12 { conn c{i} 10.0.0.1:{42000+i} -> 10.0.0.2:6379 }
2.0 repeat 12 { c{i} > GET a => $A }
5.0 repeat 12 every 3ms { c{i} > GET b }
7.2 repeat 12 every 10us { c{i} < $B }
7.3 repeat 12 { c{i} > GET c => $C }
`

func TestConnectionFiltersHoldForTheWholeRun(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		want        bool
	}{
		{"--server", "10.0.0.2", true},
		{"--conn", "2", true},
		{"--server", "10.0.0.3", false},
		{"--client", "10.0.0.9", false},
		{"--conn", "1", false},
		{"--conn", "99", false},
	} {
		r := runApp(t, nil, "", "analyze", "-o", "csv", path, tc.flag, tc.value)
		if r.code != exitClean || strings.Contains(r.out, "RS401") != tc.want {
			t.Errorf("%s %s: exit code %d, RS401 wanted: %t\n%s%s", tc.flag, tc.value, r.code, tc.want, r.out, r.errout)
		}
		if none := tc.value == "99" || tc.value == "10.0.0.9"; strings.Contains(r.errout, "no connection") != none {
			t.Errorf("%s %s: %s", tc.flag, tc.value, r.errout)
		}
	}
}

func TestConnsByCommandKeyAndRule(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		rows        int
	}{
		{"--cmd", "GET", 13}, {"--cmd", "SET", 0}, {"--key", "k1?", 1}, {"--key", "b", 12}, {"--rule", "RS101", 0}, {"--rule", "RS9", 0},
	} {
		r := runApp(t, nil, "", "conns", "-o", "ndjson", path, tc.flag, tc.value)
		if n := strings.Count(r.out, "\n"); r.code != exitClean || n != tc.rows {
			t.Errorf("%s %s: exit code %d, %d rows, want %d: %s", tc.flag, tc.value, r.code, n, tc.rows, r.errout)
		}
	}
	bad := generated(t, desync)
	if r := runApp(t, nil, "", "conns", "-o", "ndjson", bad, "--rule", "rs101"); strings.Count(r.out, "\n") != 1 {
		t.Errorf("--rule rs101: %s%s", r.out, r.errout)
	}
}

func TestEveryEventOfAConnectionIsFiltered(t *testing.T) {
	s := &analysis.Session{}
	s.ID = 7
	p := &s.Paired
	f := &filterFlags{conns: []int64{8}}
	for _, event := range []analysis.Event{
		&analysis.Exchange{Session: p}, &analysis.ConnSummary{ID: 7}, &analysis.Opened{Session: s}, &analysis.Control{Session: s},
		&analysis.Ended{Session: s}, &analysis.WaitEnded{Session: s}, &analysis.Sent{Session: s}, &analysis.Answered{Session: s},
		&analysis.Oddity{Session: p}, &analysis.Desync{Conn: 7}, &analysis.Alignment{Session: p},
		&analysis.Redirected{Session: s},
	} {
		if wanted(event, f) {
			t.Errorf("%T of connection 7 passed --conn 8", event)
		}
	}
}
