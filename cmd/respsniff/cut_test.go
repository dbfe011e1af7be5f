package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report/rows"
	"github.com/respsniff/respsniff/internal/testcap"
)

// TestCutSaysWhatItWrote: the sums are those of the file, and each connection stands behind one reason.
func TestCutSaysWhatItWrote(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	path := filepath.Join(t.TempDir(), "cut.pcapng")
	r := runApp(t, nil, "", "cut", small, "--finding", "connection-leak", "-o", path)
	if r.code != exitClean || r.errout != "" {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	packets := strings.Count(runApp(t, nil, "", "dump", "--stage", "packets", path).out, "\n")
	conns := rowsOf[rows.Conn](t, "conns", path)
	if want := fmt.Sprintf("wrote %s: %d connections, %d packets, %d bytes\n", path, len(conns), packets, info.Size()); !strings.HasPrefix(r.out, want) {
		t.Errorf("%s\nwant %s", r.out, want)
	}
	reasons := strings.ReplaceAll(r.out, "\n    ", " ")
	var numbers []int
	for _, m := range regexp.MustCompile(`(?m)^  connections? ([0-9 ]+): (.*)$`).FindAllStringSubmatch(reasons, -1) {
		for _, word := range strings.Fields(m[1]) {
			n, _ := strconv.Atoi(word)
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	if len(numbers) != len(conns) || len(slices.Compact(numbers)) != len(conns) {
		t.Errorf("connections %v of %d:\n%s", numbers, len(conns), r.out)
	}
	for _, want := range []string{": example of RS201 connection-leak (RS201-", ": RS210 read-timeout, of the same incident as RS201 (RS210-"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("no %q:\n%s", want, r.out)
		}
	}
	// Connections that were asked for by number need no reason; with a capture on standard output it is said beside it.
	r = runApp(t, nil, "", "cut", small, "--conn", "3", "--conn", "4", "-o", path, "--force")
	if !regexp.MustCompile(`^wrote \S+: 2 connections, \d+ packets, \d+ bytes\n$`).MatchString(r.out) {
		t.Errorf("by number: %s", r.out)
	}
	r = runApp(t, nil, "", "cut", small, "--conn", "3", "-o", "-")
	if !strings.HasPrefix(r.errout, "wrote standard output: 1 connection, ") || strings.Contains(r.out, "wrote") {
		t.Errorf("on standard output: %s", r.errout)
	}
	if r := runApp(t, nil, "", "cut", small, "--conn", "3", "-o", "-", "-q"); r.errout != "" {
		t.Errorf("--quiet: %s", r.errout)
	}
	if r := runApp(t, nil, "", "cut", small, "--finding", "off-by-k", "-o", path, "--force", "--mask", "addresses"); strings.Contains(r.out, "198.18.") {
		t.Errorf("--mask addresses: %s", r.out)
	}
}
