package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/testcap"
)

// updating reads the flag -update, which package testcap defines for all tests.
func updating() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

// TestGoldenRuns holds whole runs over real captures, in every format where the output is short; of the page the tests in
// page_test.go hold what it shows.
func TestGoldenRuns(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("testdata", "golden"))
	if err != nil {
		t.Fatal(err)
	}
	short := []report.Format{report.Text, report.CSV}
	every := slices.DeleteFunc(slices.Clone(report.Formats), func(f report.Format) bool { return f == report.HTML })
	for _, run := range []struct {
		capture string
		formats []report.Format
		code    int
	}{
		{"seed1_article.pcap", every, exitFindings},
		{"01a_small.pcap", every, exitFindings},
		{"07b_hiredis_reconnect.pcap", every, exitClean}, // healthy
		{"02a_redispy451_asyncio_cancel.pcap", short, exitFindings},
		{"03a_jedispool_leak_4s.pcap", short, exitFindings},
	} {
		path := testcap.Path(t, run.capture)
		for _, format := range run.formats {
			name := run.capture[:len(run.capture)-len(".pcap")] + "." + string(format)
			t.Run(name, func(t *testing.T) {
				t.Chdir(filepath.Dir(path))
				r := runApp(t, nil, "", "analyze", "--tz", "UTC", "-o", string(format), run.capture)
				if r.code != run.code {
					t.Errorf("exit code %d, want %d: %s", r.code, run.code, r.errout)
				}
				file := filepath.Join(folder, name)
				if updating() {
					if err := os.MkdirAll(folder, 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(file, []byte(r.out), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := firstDifference(string(want), r.out); diff != "" {
					t.Errorf("%s: %s\nto accept: go test ./cmd/respsniff -run TestGoldenRuns -update", name, diff)
				}
			})
		}
	}
}

// firstDifference shows the first line in which two long texts differ, "" where none does.
func firstDifference(want, got string) string {
	if want == got {
		return ""
	}
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i := range min(len(w), len(g)) {
		if w[i] != g[i] {
			return fmt.Sprintf("line %d\n-%.500s\n+%.500s", i+1, w[i], g[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestRunsAreRepeatable compares two runs byte by byte.
func TestRunsAreRepeatable(t *testing.T) {
	path := testcap.Path(t, "01a_jedis262_buggy_T300.pcap")
	for _, args := range [][]string{{"analyze", "-o", "json"}, {"analyze", "-o", "html"}, {"pairs", "-o", "ndjson"}, {"conns", "-o", "ndjson"}, {"stats", "-o", "json"}} {
		a := runApp(t, nil, "", append(slices.Clone(args), path)...)
		b := runApp(t, nil, "", append(slices.Clone(args), path)...)
		if a != b {
			t.Errorf("%v: two runs differ: exit codes %d and %d, %d and %d bytes", args, a.code, b.code, len(a.out), len(b.out))
		}
	}
}
