package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/testcap"
)

// printedCommand matches a command line that a report gives its reader to copy.
var printedCommand = regexp.MustCompile(`(?m)(?:^ *|more: |')((?:tshark -r|respsniff (?:explain|cut|pairs|conns|analyze|dump|view)) .*)$`)

// TestPrintedCommandsRun gives every command line of a report to a shell, for a capture whose name a shell would take apart.
func TestPrintedCommandsRun(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	text, err := os.ReadFile(testcap.Path(t, "01a_small.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, script := range map[string]string{"tshark": "", "respsniff": ""} { // they print what they are given
		script = "#!/bin/sh\nprintf '%s\\n' " + name + " \"$@\"\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	work := t.TempDir()
	t.Chdir(work)
	for _, name := range []string{"it's (1) $HOME & `id`; \"x\" *.pcap", "-q.pcap", "é.pcap"} {
		if err := writeFile(name, string(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"it's (1) $HOME & `id`; \"x\" *.pcap", "./-q.pcap", "é.pcap"} {
		var doc struct {
			Findings []struct{ Examples []struct{ Filter string } }
		}
		if err := json.Unmarshal([]byte(runApp(t, nil, "", "analyze", "-o", "json", file).out), &doc); err != nil {
			t.Fatal(err)
		}
		filters := map[string]bool{}
		for _, f := range doc.Findings {
			for _, e := range f.Examples {
				filters[e.Filter] = true
			}
		}
		seen := map[string]int{}
		for _, format := range []report.Format{report.Text, report.Markdown} {
			for _, m := range printedCommand.FindAllStringSubmatch(runApp(t, nil, "", "analyze", "-o", string(format), file).out, -1) {
				cmd := exec.CommandContext(t.Context(), sh, "-c", m[1])
				cmd.Env = []string{"PATH=" + dir + string(os.PathListSeparator) + "/usr/bin:/bin", "HOME=/"}
				out, err := cmd.CombinedOutput()
				args := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
				if err != nil {
					t.Errorf("%s: %v\n%s", m[1], err, out)
					continue
				}
				seen[args[0]]++
				switch args[0] {
				case "tshark":
					if len(args) != 5 || args[2] != file || !filters[args[4]] {
						t.Errorf("%s gives %q", m[1], args)
					}
				case "respsniff":
					if r := runApp(t, nil, "", slices.Clone(args[1:])...); r.code != exitClean && r.code != exitFindings {
						t.Errorf("%s: exit code %d: %s", m[1], r.code, r.errout)
					}
				}
			}
		}
		if seen["tshark"] < 5 || seen["respsniff"] == 0 {
			t.Errorf("%s: %v commands are printed", file, seen)
		}
	}
	if r := runApp(t, nil, string(text), "analyze", "-"); strings.Count(r.out, "tshark -r FILE -Y '") == 0 {
		t.Errorf("standard input:\n%s", r.out)
	}
	if tshark, err := exec.LookPath("tshark"); err == nil { // the real one
		m := printedCommand.FindStringSubmatch(runApp(t, nil, "", "analyze", "it's (1) $HOME & `id`; \"x\" *.pcap").out)
		cmd := exec.CommandContext(t.Context(), sh, "-c", strings.Replace(m[1], "tshark", tshark, 1))
		if out, err := cmd.Output(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v: %s", m[1], err, out)
		}
	}
}
