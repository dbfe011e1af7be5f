package main

import (
	"context"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/respsniff/respsniff/internal/testcap"
)

// rowsOf runs pairs or conns and reads the rows.
func rowsOf[R any](t *testing.T, args ...string) []R {
	t.Helper()
	r := runApp(t, nil, "", append(args, "-o", "ndjson")...)
	if r.code != exitClean {
		t.Fatalf("%v: exit code %d: %s", args, r.code, r.errout)
	}
	var all []R
	for line := range strings.Lines(r.out) {
		var row R
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	return all
}

func TestPairsMisread(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	misread := func(x rows.Exchange) bool { return x.Believes != nil && x.Believes.Index != x.Index }
	all := rowsOf[rows.Exchange](t, "pairs", small)
	got := rowsOf[rows.Exchange](t, "pairs", small, "--misread")
	want := slices.DeleteFunc(slices.Clone(all), func(x rows.Exchange) bool { return !misread(x) })
	if len(got) < 20 || len(got) != len(want) || len(got) == len(all) || slices.ContainsFunc(got, func(x rows.Exchange) bool { return !misread(x) }) {
		t.Errorf("%d rows, want %d of %d", len(got), len(want), len(all))
	}
	if r := runApp(t, nil, "", "pairs", generated(t, healthy), "--misread"); r.code != exitClean || r.out != "" {
		t.Errorf("healthy: exit code %d: %s", r.code, r.out)
	}
}

func TestConnsDirty(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	all := rowsOf[rows.Conn](t, "conns", small)
	got := rowsOf[rows.Conn](t, "conns", small, "--dirty")
	want := slices.DeleteFunc(slices.Clone(all), func(c rows.Conn) bool { return !c.Dirty })
	if len(got) == 0 || len(got) != len(want) || len(want) == len(all) {
		t.Errorf("%d rows, want %d of %d", len(got), len(want), len(all))
	}
	if n := len(rowsOf[rows.Conn](t, "conns", small, "--dirty", "--rule", "RS301")); n != 0 {
		t.Errorf("%d dirty connections with a storm of redirects", n)
	}
}

// TestRowsByTime: the same rows, in order; also if they do not fit into memory.
func TestRowsByTime(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	order := func(a, b rows.Exchange) int { return int(a.Time - b.Time) }
	all := rowsOf[rows.Exchange](t, "pairs", small)
	if slices.IsSortedFunc(all, order) {
		t.Fatal("the rows come in order of time anyway")
	}
	for _, limit := range []string{"512MiB", "16k"} { // a sixteenth of 16 KiB holds two or three rows
		got := rowsOf[rows.Exchange](t, "pairs", small, "--by", "time", "--memory-limit", limit)
		if len(got) != len(all) && limit != "16k" || !slices.IsSortedFunc(got, order) {
			t.Errorf("%s: %d rows of %d, sorted: %t", limit, len(got), len(all), slices.IsSortedFunc(got, order))
		}
	}
	got := rowsOf[rows.Exchange](t, "pairs", small, "--by", "time")
	key := func(x rows.Exchange) string { b, _ := json.Marshal(x); return string(b) }
	var a, b []string
	for i := range all {
		a, b = append(a, key(all[i])), append(b, key(got[i]))
	}
	slices.Sort(a)
	slices.Sort(b)
	if !slices.Equal(a, b) {
		t.Error("the rows by time are others")
	}
	conns := rowsOf[rows.Conn](t, "conns", small, "--by", "time")
	if len(conns) != len(rowsOf[rows.Conn](t, "conns", small)) || !slices.IsSortedFunc(conns, func(a, b rows.Conn) int { return int(a.First - b.First) }) {
		t.Error("connections by time")
	}
	if r := runApp(t, nil, "", "pairs", small, "--by", "size"); r.code != exitUsage || !strings.Contains(r.errout, "conn or time") {
		t.Errorf("--by size: exit code %d: %s", r.code, r.errout)
	}
	// A disk that is full in the middle is an error, and no half list.
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "gone"))
	if r := runApp(t, nil, "", "pairs", small, "--by", "time", "--memory-limit", "16k"); r.code != exitIncomplete || !strings.Contains(r.errout, "sorting by time") || r.out != "" {
		t.Errorf("without a place for temporary files: exit code %d: %s\n%.300s", r.code, r.errout, r.out)
	}
}

// TestRowsNameLimits: rows that a limit left out make the list incomplete, and stderr names the limit.
func TestRowsNameLimits(t *testing.T) {
	const n, most = 1<<14 + 5, 1 << 14
	w := newWire()
	get, nothing := []byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), []byte("$-1\r\n")
	for i := range n {
		w.open(i)
		w.send(i, true, tcpPush, 1, 1, get)
		w.send(i, false, tcpPush, 1, 1+uint32(len(get)), nothing)
		w.send(i, true, tcpRST, 1+uint32(len(get)), 1+uint32(len(nothing)), nil)
	}
	r := runApp(t, nil, "", "conns", w.file(t), "--memory-limit", "64MiB", "-o", "ndjson")
	if rows := strings.Count(r.out, "\n"); r.code != exitIncomplete || rows != most || !strings.Contains(r.errout, "rows of connections") {
		t.Errorf("exit code %d, %d rows, want %d: %s", r.code, rows, most, r.errout)
	}
}

// TestRowsNameFiles: with several inputs a row says which, since frames count in each.
func TestRowsNameFiles(t *testing.T) {
	one, two := generated(t, "base 2026-01-02T03:04:05Z\n"+healthy), generated(t, "base 2026-01-02T03:05:05Z\n"+strings.ReplaceAll(healthy, "40001", "40002"))
	files := map[string]int{}
	for _, x := range rowsOf[rows.Exchange](t, "pairs", two, one) {
		files[x.File]++
	}
	for _, c := range rowsOf[rows.Conn](t, "conns", two, one) {
		files[c.File] += 100
	}
	if files[one] != 120 || files[two] != 120 || len(files) != 2 {
		t.Errorf("%v", files)
	}
	if c := rowsOf[rows.Conn](t, "conns", one); c[0].File != "" {
		t.Errorf("one file: %+v", c)
	}
}

// TestFlowIsTheCommunityID holds the rows against Wireshark.
func TestFlowIsTheCommunityID(t *testing.T) {
	six := generated(t, "conn c1 [2001:db8::2]:40000 -> [2001:db8::1]:6379\nrepeat 3 every 2ms { c1 > GET k{i} => $v{i} }\n")
	small := testcap.Path(t, "01a_small.pcap")
	conns := rowsOf[rows.Conn](t, "conns", six)
	if len(conns) != 1 || conns[0].Flow != "1:bAIMyt0tEnyTLi4iY7omYKFeDz8=" {
		t.Errorf("%+v", conns)
	}
	flows := map[string]bool{}
	for _, c := range rowsOf[rows.Conn](t, "conns", small) {
		flows[c.Flow] = true
	}
	for _, x := range rowsOf[rows.Exchange](t, "pairs", small) {
		if !flows[x.Flow] {
			t.Errorf("command %d of connection %d: flow %s", x.Index, x.Conn, x.Flow)
		}
	}
	masked := rowsOf[rows.Conn](t, "conns", small, "--mask", "addresses")
	if flows[masked[0].Flow] || masked[0].Flow == "" {
		t.Errorf("--mask addresses: flow %s", masked[0].Flow)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip(err)
	}
	out, err := exec.CommandContext(context.Background(), tshark, "--enable-protocol", "communityid", "-r", small, "-Y", "tcp", "-T", "fields", "-e", "communityid").Output()
	if err != nil {
		t.Skip(err) // an older one has none
	}
	want := map[string]bool{}
	for _, word := range strings.Fields(string(out)) {
		want[word] = true
	}
	if len(want) != len(flows) {
		t.Errorf("%d flows, tshark has %d", len(flows), len(want))
	}
	for id := range want {
		if !flows[id] {
			t.Errorf("tshark has %s", id)
		}
	}
}

// TestRowsOfAFleet: rows say of which run and host they are, and with either of which file; findings do too.
func TestRowsOfAFleet(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	label := []string{"--run-name", "2026-11-21", "--host-name", "app1"}
	for _, c := range rowsOf[rows.Conn](t, append([]string{"conns", small}, label...)...) {
		if c.Run != "2026-11-21" || c.Host != "app1" || !strings.HasSuffix(c.File, "01a_small.pcap") || c.Flow == "" {
			t.Fatalf("%+v", c)
		}
	}
	for _, x := range rowsOf[rows.Exchange](t, append([]string{"pairs", small, "--by", "time"}, label...)...) {
		if x.Run != "2026-11-21" || x.Host != "app1" || !strings.HasSuffix(x.File, "01a_small.pcap") || x.Flow == "" {
			t.Fatalf("%+v", x)
		}
	}
	type line struct{ Type, Run, Host string }
	r := runApp(t, nil, "", append([]string{"analyze", small, "--fail-on", "none", "-o", "ndjson"}, label...)...)
	types := map[string]bool{}
	for text := range strings.Lines(r.out) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		if types[l.Type] = true; l.Run != "2026-11-21" || l.Host != "app1" {
			t.Errorf("%+v", l)
		}
	}
	if len(types) != 3 {
		t.Errorf("types of lines: %v", types)
	}
	if r := runApp(t, nil, "", "pairs", small, "-o", "ndjson"); strings.Contains(r.out, `"run"`) || strings.Contains(r.out, `"file"`) {
		t.Error("a run without a name has one")
	}
}
