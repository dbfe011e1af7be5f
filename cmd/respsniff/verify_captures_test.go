package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// TestVerifyOwnCaptures runs the gate over the captures of the repository, as its users do over theirs.
func TestVerifyOwnCaptures(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	r := runApp(t, nil, "", "verify", "testdata/captures")
	if r.code != exitClean {
		t.Errorf("exit code %d; where a change is right, edit the file beside the capture\n%s%s", r.code, r.out, r.errout)
	}
	if n := strings.Count(r.out, "ok "); n < 12 {
		t.Errorf("only %d captures were held against an expectation:\n%s", n, r.out)
	}
}

// TestVerifyNoticesAChange edits one expectation in each way that a change of the client could show.
func TestVerifyNoticesAChange(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	expected, err := os.ReadFile(filepath.Join("..", "..", "testdata", "captures", "01a_small.expect.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	entry := regexp.MustCompile(`  - rule: RS101\n    count: \d+\n    confidence: \w+\n`)
	if !entry.Match(expected) {
		t.Fatalf("the expectation has no count of RS101:\n%s", expected)
	}
	for name, c := range map[string]struct{ entry, says string }{
		"another count":   {"  - rule: RS101\n    count: 1\n", "missing: RS101 was found"},
		"not expected":    {"", "unexpected: RS101 dirty-reuse"},
		"not found":       {"  - rule: RS101\n  - rule: RS112\n", "missing: RS112 was not found"},
		"other command":   {"  - rule: RS101\n    command: XADD\n", "missing: RS101 with XADD was not found"},
		"and the present": {string(entry.Find(expected)), "ok "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Symlink(small, filepath.Join(dir, "a.pcap")); err != nil {
				t.Skip(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "a.expect.yaml"), entry.ReplaceAllLiteral(expected, []byte(c.entry)), 0o600); err != nil {
				t.Fatal(err)
			}
			want := exitFindings
			if c.says == "ok " {
				want = exitClean
			}
			if r := runApp(t, nil, "", "verify", dir); r.code != want || !strings.Contains(r.out, c.says) {
				t.Errorf("exit code %d, want %d and %q:\n%s%s", r.code, want, c.says, r.out, r.errout)
			}
		})
	}
}
