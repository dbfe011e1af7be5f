package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/exhaustive"
	"github.com/respsniff/respsniff/internal/testcap"
)

// ofHosts writes a capture as if as many hosts as there are last bytes had made its connections, all at the same time, to the
// same servers.
func ofHosts(t *testing.T, name string, client [4]byte, last ...byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "hosts.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := capture.NewWriter(f, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range testcap.Packets(t, name) {
		for _, host := range last {
			data := bytes.Clone(p.Data)
			if at := bytes.Index(data[:min(len(data), 60)], client[:]); at >= 0 {
				data[at+3] = host
			}
			p := p
			p.Data = data
			if err := out.Write(p, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

// atOnce writes captures as one, as if all had begun at the same time.
func atOnce(t *testing.T, names []string) (path string, packets int) {
	t.Helper()
	var all []capture.Packet
	var begun capture.Time
	for i, name := range names {
		list := testcap.Packets(t, name)
		if i == 0 {
			begun = list[0].Time
		}
		first := list[0].Time
		for j := range list {
			list[j].Time += begun - first
			list[j].File = int32(i)
		}
		all = append(all, list...)
	}
	slices.SortStableFunc(all, func(a, b capture.Packet) int { return cmp.Compare(a.Time, b.Time) })
	path = filepath.Join(t.TempDir(), "all.pcapng")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := capture.NewWriter(f, capture.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if err := out.Write(p, ""); err != nil {
			t.Fatal(err)
		}
	}
	return path, len(all)
}

// comparable is a saved report without what counts in its files.
func comparable(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{"input", "series", "warnings"} {
		delete(d, field)
	}
	var strip func(any) any
	strip = func(x any) any {
		switch x := x.(type) {
		case map[string]any:
			for _, field := range []string{"file", "frame", "frames", "conn", "ladder", "facts", "story", "place", "others", "examples", "limits_reached", "bounds"} {
				delete(x, field)
			}
			for k := range x {
				x[k] = strip(x[k])
			}
		case []any:
			for i := range x {
				x[i] = strip(x[i])
			}
		}
		return x
	}
	return strip(d)
}

// splitAndMerge analyses a capture in parts and returns the merged report, and that of the whole.
func splitAndMerge(t *testing.T, paths []string, n string, flags ...string) (merged, whole string, parts []string) {
	t.Helper()
	dir := t.TempDir()
	if r := runApp(t, nil, "", slices.Concat([]string{"split", "-n", n, "-o", dir}, paths, flags)...); r.code != exitClean {
		t.Fatalf("split: exit code %d: %s", r.code, r.errout)
	}
	parts, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(parts)
	saved := []string{"merge"}
	for _, part := range parts {
		to := strings.TrimSuffix(part, ".pcapng") + ".json"
		if r := runApp(t, nil, "", "analyze", part, "--allow-empty", "--fail-on", "none", "-o", "json="+to); r.code != exitClean {
			t.Fatalf("analyze %s: exit code %d: %s", part, r.code, r.errout)
		}
		saved = append(saved, to)
	}
	merged, whole = filepath.Join(dir, "merged.json"), filepath.Join(dir, "whole.json")
	if r := runApp(t, nil, "", append(saved, "--fail-on", "none", "-o", "json="+merged)...); r.code != exitClean {
		t.Fatalf("merge: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", slices.Concat([]string{"analyze", "--fail-on", "none", "-o", "json=" + whole}, paths)...); r.code != exitClean {
		t.Fatalf("analyze: exit code %d: %s", r.code, r.errout)
	}
	return merged, whole, parts
}

// TestSplitAndMergeEqualTheWhole: runs over the parts of a capture, merged, find what one run over the whole finds.
func TestSplitAndMergeEqualTheWhole(t *testing.T) {
	sequential(t)
	for _, c := range []struct {
		parts    string
		filled   int
		captures []string
	}{
		{"2", 1, []string{"01a_small.pcap"}}, // one client, and never cut in two
		{"4", 1, []string{"01a_jedis262_buggy_T300.pcap"}},
		{"3", 2, []string{"01a_jedis262_buggy_T300.pcap", "lab_j2.pcap"}},
		{"5", 4, []string{"01a_jedis262_buggy_T300.pcap", "50b_pool_T450_rtt8_sick0.pcap", "08c_hiredis_T150_reused.pcap", "09f_lua_T120_reused.pcap"}},
		{"2", 2, []string{"03a_jedispool_leak_4s.pcap", "52h_hiredis_T80_rtt30_reused.pcap", "lab_a1.pcap", "07a_hiredis_err_cleared.pcap"}},
	} {
		t.Run(strings.Join(c.captures, " "), func(t *testing.T) {
			if testing.Short() && len(c.captures) > 3 {
				t.Skip("analyses several captures twice")
			}
			path, want := atOnce(t, c.captures)
			merged, whole, parts := splitAndMerge(t, []string{path}, c.parts)
			packets, filled := 0, 0
			for _, part := range parts {
				list := packetsOf(t, part)
				if n := len(list); n > 0 && list[n-1].Length == 0 { // tells when the whole ends
					list = list[:n-1]
				}
				n := len(list)
				packets += n
				filled += min(n, 1)
			}
			if packets != want || filled != c.filled {
				t.Errorf("%d packets in %d parts that have some, want %d in %d", packets, filled, want, c.filled)
			}
			if diff := gocmp.Diff(comparable(t, whole), comparable(t, merged)); diff != "" {
				t.Errorf("-whole +merged:\n%s", diff)
			}
		})
	}
}

// aboutClients are the counts of findings about clients, by what names them.
func aboutClients(t *testing.T, path string) map[string][2]int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Findings []struct {
			Fingerprint, Rule, Client, Server, Severity string
			Count, Connections                          int
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	counts := map[string][2]int{}
	for _, f := range d.Findings {
		if f.Client != "" && f.Server != "" {
			counts[f.Fingerprint+" "+f.Client+" "+f.Server] = [2]int{f.Count, f.Connections}
		}
	}
	return counts
}

// TestSplitFiner: of clients that share servers, and of the connections of one client where a part shows enough of it, the
// parts find what the whole shows of clients.
func TestSplitFiner(t *testing.T) {
	sequential(t)
	if testing.Short() {
		t.Skip("analyses a large capture several times")
	}
	client := [4]byte{198, 18, 0, 2}
	for _, c := range []struct {
		by, parts string
		filled    int
		hosts     []byte
	}{{"client", "3", 3, []byte{2, 3, 4}}, {"conn", "4", 4, []byte{2}}} {
		merged, whole, parts := splitAndMerge(t, []string{ofHosts(t, "01a_jedis262_buggy_T300.pcap", client, c.hosts...)}, c.parts, "--by", c.by)
		filled := 0
		for _, part := range parts {
			filled += min(len(packetsOf(t, part)), 1)
		}
		got, want := aboutClients(t, merged), aboutClients(t, whole)
		if diff := gocmp.Diff(want, got); diff != "" || filled != c.filled || len(want) < 20*len(c.hosts) {
			t.Errorf("--by %s: %d findings, %d parts with packets:\n%s", c.by, len(want), filled, diff)
		}
	}
}

func packetsOf(t *testing.T, path string) (list []capture.Packet) {
	t.Helper()
	src, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	for p, err := range src.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestSplitRefuses(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	dir := t.TempDir()
	if r := runApp(t, nil, "", "split", small, "-n", "2", "-o", dir); r.code != exitClean || !strings.Contains(r.errout, "1 of 2 files have no packets") {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	for _, c := range []struct {
		says string
		code int
		args []string
	}{
		{"-o DIR", exitUsage, []string{small, "-n", "2"}},
		{"-n", exitUsage, []string{small, "-o", dir}},
		{"512 files", exitUsage, []string{small, "-n", "513", "-o", t.TempDir()}},
		{"want group, client or conn", exitUsage, []string{small, "-n", "2", "-o", t.TempDir(), "--by", "port"}},
		{"standard input", exitUsage, []string{"-", "-n", "2", "-o", t.TempDir()}},
		{"the file exists", exitUsage, []string{small, "-n", "2", "-o", dir}},
		{"no/such", exitIncomplete, []string{"/no/such/file", "-n", "2", "-o", t.TempDir()}},
		{"want 1 to 65535", exitUsage, []string{small, "-n", "2", "-o", t.TempDir(), "--port", "70000"}},
	} {
		if r := runApp(t, nil, "", append([]string{"split"}, c.args...)...); r.code != c.code || !strings.Contains(r.errout, c.says) {
			t.Errorf("split %v: exit code %d: %s", c.args, r.code, r.errout)
		}
	}
	// What is cut off is dealt out as far as it goes, and said.
	whole, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	cut := temp(t, "cut.pcap", string(whole[:len(whole)-7]))
	to := t.TempDir()
	if r := runApp(t, nil, "", "split", cut, "-n", "1", "-o", to); r.code != exitIncomplete || len(packetsOf(t, filepath.Join(to, "part-0.pcapng"))) != 423 {
		t.Errorf("a file that is cut off: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "split", small, "-n", "2", "-o", dir, "--force"); r.code != exitClean {
		t.Errorf("--force: exit code %d: %s", r.code, r.errout)
	}
}

// TestMergeRefuses: what is no saved run, and a run that was not read whole.
func TestMergeRefuses(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	whole, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good, part := filepath.Join(dir, "good.json"), filepath.Join(dir, "part.ndjson")
	runApp(t, nil, "", "analyze", small, "-o", "json="+good)
	runApp(t, nil, "", "analyze", temp(t, "cut.pcap", string(whole[:len(whole)-7])), "-o", "ndjson="+part)
	if r := runApp(t, nil, "", "merge", good, small); r.code != exitIncomplete || !strings.Contains(r.errout, "analyze -o json") {
		t.Errorf("a capture: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", "merge"); r.code != exitUsage {
		t.Errorf("nothing: exit code %d", r.code)
	}
	r := runApp(t, nil, "", "merge", good, part, "--fail-on", "none", "-o", "json")
	if r.code != exitIncomplete || !strings.Contains(r.out, `"complete": false`) || !strings.Contains(r.errout, "counted twice") {
		t.Errorf("a run that was not read whole, over the same capture: exit code %d: %s", r.code, r.errout)
	}
}

// sequential skips a long test of what happens in one goroutine where the race detector looks on, which makes ten times the work of it:
// .ci/run has a stage of its own for these.
func sequential(t *testing.T) {
	if exhaustive.Sparse(1) > 1 {
		t.Skip("runs without the race detector")
	}
}
