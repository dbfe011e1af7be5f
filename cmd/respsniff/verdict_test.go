package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestVerdictOfEachRow has a capture for each row of the table of docs/verdicts.md.
func TestVerdictOfEachRow(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	raw, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name string, content []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	unknown := append([]byte(nil), raw...)
	unknown[20] = 239 // LINKTYPE_NFLOG
	redirects, err := os.ReadFile(filepath.Join("..", "..", "testdata", "scenarios", "rs302", "fires_same_address.txt"))
	if err != nil {
		t.Fatal(err)
	}
	few, begun := testcap.Path(t, "09i_go_pool_few_calls.pcap"), testcap.Path(t, "09h_go_pool_begun_after.pcap")
	for _, tc := range []struct {
		args []string
		word string
		code int
		says string
	}{
		{[]string{small}, "DESYNC", exitFindings, "37 calls got another call's reply"},
		{[]string{testcap.Path(t, "03a_jedispool_leak_4s.pcap")}, "CONNECTION FAULT", exitFindings, ""},
		{[]string{generated(t, string(redirects))}, "TOPOLOGY FAULT", exitFindings, ""},
		{[]string{testcap.Path(t, "lab_a1.pcap")}, "SERVER FAULT", exitFindings, ""},
		{[]string{testcap.Path(t, "01c_jedis262_fixed_T300.pcap")}, "SERVER FAULT", exitClean, "each connection was closed, as it should be"},
		{[]string{"--fail-on", "medium", testcap.Path(t, "01c_jedis262_fixed_T300.pcap")}, "SERVER FAULT", exitFindings, ""},
		{[]string{testcap.Path(t, "07b_hiredis_reconnect.pcap")}, "CONNECTION FAULT", exitClean, "each connection was closed, as it should be"},
		{[]string{testcap.Path(t, "lab_h1.pcap")}, "CLEAN", exitClean, ""},
		{[]string{few}, "UNDECIDED", exitClean, "--read-timeout 10.77.0.1=200ms"},
		{[]string{"--strict", few}, "UNDECIDED", exitIncomplete, ""},
		{[]string{"--read-timeout", "10.77.0.1=200ms", few}, "DESYNC", exitFindings, "496 calls got another call's reply"},
		{[]string{begun}, "UNDECIDED", exitClean, "--policy 10.77.0.1=lockstep"},
		{[]string{"--policy", "10.77.0.1=lockstep", begun}, "DESYNC", exitFindings, "on 6 connections"},
		{[]string{file("empty.pcap", raw[:24])}, "NOTHING READ", exitIncomplete, ""},
		{[]string{"--allow-empty", file("empty.pcap", raw[:24])}, "NOTHING READ", exitClean, ""},
		{[]string{file("nflog.pcap", unknown)}, "NO REDIS", exitIncomplete, "could not be decoded, link type"},
		{[]string{"--port", "1", small}, "NO REDIS", exitIncomplete, ""},
		{[]string{testcap.Path(t, "04_tls.pcap")}, "ENCRYPTED", exitIncomplete, ""},
		{[]string{"--allow-empty", testcap.Path(t, "04_tls.pcap")}, "ENCRYPTED", exitClean, ""},
		{[]string{"--client", "10.9.9.9", small}, "NOTHING MATCHED", exitIncomplete, "--client 10.9.9.9 chooses"},
		{[]string{"--key", "no_such_key", small}, "NOTHING MATCHED", exitIncomplete, ""},
		{[]string{"--until", "2001-01-01T00:00:00Z", small}, "NOTHING MATCHED", exitIncomplete, ""},
	} {
		r := runApp(t, nil, "", append([]string{"analyze", "--tz", "UTC"}, tc.args...)...)
		at := strings.Index("\n"+r.out, "\n"+tc.word+": ")
		if r.code != tc.code || at < 0 || !strings.Contains(strings.Join(strings.Fields(r.out), " "), tc.says) {
			t.Errorf("%v: exit code %d, want %d; want %s that says %q:\n%.900s%s", tc.args, r.code, tc.code, tc.word, tc.says, r.out, r.errout)
		}
	}
}

// TestOneDoubtAClient: while nobody can tell whether a client takes turns, how long it waits decides nothing.
func TestOneDoubtAClient(t *testing.T) {
	const turns = `
host app   10.0.0.1
host redis 10.0.0.2
conn a app:40000 -> redis:6379
1.0 repeat 5 every 50ms { a > GET k => $v }
2.0 a > GET slow =>400ms $v
+50ms a > GET k => $v
`
	late := runApp(t, nil, "", "analyze", generated(t, turns))
	if !strings.Contains(late.out, "--read-timeout 10.0.0.1=200ms, or") || strings.Contains(late.out, "--policy") {
		t.Errorf("a late reply:\n%s", late.out)
	}
	both := runApp(t, nil, "", "analyze", generated(t, turns+`
3.0 a > GET x
+100ms a > GET y
+200ms a < $x | $y
+50ms a > GET z => $v
`))
	if !strings.Contains(both.out, "--policy 10.0.0.1=lockstep if") || strings.Contains(both.out, "--read-timeout") || !strings.Contains(both.out, "before a reply 1 time,") {
		t.Errorf("a late reply and a write before one:\n%s", both.out)
	}
}

// TestTextIsShort: a report is read at night.
func TestTextIsShort(t *testing.T) {
	for name, most := range map[string]int{
		"01a_small.pcap": 80, "01a_jedis262_buggy_T300.pcap": 150, "01c_jedis262_fixed_T300.pcap": 25, "04_multi.pcap": 10, "07b_hiredis_reconnect.pcap": 25,
	} {
		r := runApp(t, nil, "", "analyze", "--tz", "UTC", testcap.Path(t, name))
		if n := strings.Count(r.out, "\n"); n > most {
			t.Errorf("%s: %d lines, want %d at most\n%s", name, n, most, r.out)
		}
		for line := range strings.Lines(r.out) {
			if line = strings.TrimSuffix(line, "\n"); len(line) > 100 && !strings.Contains(line, "tshark -r") && !strings.Contains(line, "/captures/") {
				t.Errorf("%s: %d characters: %s", name, len(line), line)
			}
		}
	}
}

// TestOneIncident: --incident has the evidence of its findings; a number that no incident has is refused.
func TestOneIncident(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	r := runApp(t, nil, "", "analyze", "--tz", "UTC", "--incident", "1", small)
	if r.code != exitFindings || !strings.Contains(r.out, "-- 1. RS401 server-stall ") || strings.Count(r.out, "conn ") < 5 {
		t.Errorf("exit code %d\n%s", r.code, r.out)
	}
	if r := runApp(t, nil, "", "analyze", "--incident", "7", small); r.code != exitUsage || !strings.Contains(r.errout, "the run has 1") {
		t.Errorf("exit code %d: %s", r.code, r.errout)
	}
}

// asClients writes the packets of client 198.18.0.2 in a pcap file of Ethernet as those of n clients at once.
func asClients(t *testing.T, raw []byte, n int) string {
	t.Helper()
	type record struct {
		at   uint64 // microseconds
		data []byte
	}
	var all []record
	const address = 14 + 12 // of the source, in an IPv4 packet in a frame
	for k := range n {
		for at := 24; at < len(raw); {
			length := int(binary.LittleEndian.Uint32(raw[at+8:]))
			r := record{
				uint64(binary.LittleEndian.Uint32(raw[at:]))*1e6 + uint64(binary.LittleEndian.Uint32(raw[at+4:])) + uint64(k*137),
				slices.Clone(raw[at : at+16+length]),
			}
			for _, side := range []int{16 + address, 16 + address + 4} {
				if bytes.Equal(r.data[side:side+4], []byte{198, 18, 0, 2}) {
					copy(r.data[side:], []byte{10, 1, 0, byte(k + 1)})
				}
			}
			all = append(all, r)
			at += 16 + length
		}
	}
	slices.SortStableFunc(all, func(a, b record) int { return cmp.Compare(a.at, b.at) })
	out := slices.Clone(raw[:24])
	for _, r := range all {
		binary.LittleEndian.PutUint32(r.data, uint32(r.at/1e6))
		binary.LittleEndian.PutUint32(r.data[4:], uint32(r.at%1e6))
		out = append(out, r.data...)
	}
	path := filepath.Join(t.TempDir(), "clients.pcap")
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestThirtyClientsAreOneIncident: one bug in thirty pods.
func TestThirtyClientsAreOneIncident(t *testing.T) {
	raw, err := os.ReadFile(testcap.Path(t, "01a_small.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	r := runApp(t, nil, "", "analyze", "-o", "json", asClients(t, raw, 30))
	d, err := report.Read(strings.NewReader(r.out))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Incidents) != 1 {
		t.Fatalf("%d incidents of %d findings, want 1", len(d.Incidents), len(d.Findings))
	}
	in := &d.Incidents[0]
	if h := in.Damage; h.Clients != 30 || h.Calls != 30*37 || h.Connections != 30*6 || len(in.Clients) != 30 || in.Library != "jedis" || h.AtLeast {
		t.Errorf("%+v of %s", h, in.Library)
	}
	for i := range d.Findings {
		if f := &d.Findings[i]; f.Incident != 1 {
			t.Errorf("%s of %s is of incident %d", f.Rule, f.Client, f.Incident)
		}
	}
}

// TestListOfRulesIsWhole: in a pipe no line is cut; a terminal gets lines that fit.
func TestListOfRulesIsWhole(t *testing.T) {
	r := runApp(t, nil, "", "explain")
	for _, d := range detectors.All() {
		if !strings.Contains(r.out, d.Summary+"\n") {
			t.Errorf("%s is cut", d.ID)
		}
	}
	var b strings.Builder
	if err := listRules(&b, detectors.All(), 80); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d characters: %s", n, line)
		}
	}
}
