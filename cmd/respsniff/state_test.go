package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/testcap"
)

// ringOf cuts a capture into files of as many packets each.
func ringOf(t *testing.T, path string, n int) (files []string) {
	t.Helper()
	source, err := capture.Open([]string{path}, capture.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	each := 0
	var out *capture.Writer
	for p, err := range source.Packets() {
		if err != nil {
			t.Fatal(err)
		}
		if out == nil || each == 0 {
			f, err := os.Create(filepath.Join(t.TempDir(), fmt.Sprintf("ring%d.pcapng", len(files))))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if out, err = capture.NewWriter(f, capture.WriterOptions{}); err != nil {
				t.Fatal(err)
			}
			files = append(files, f.Name())
			each = n
		}
		each--
		if err := out.Write(p, ""); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestStateOverARing analyses the files of a ring one by one, as a script does, with each of them twice.
func TestStateOverARing(t *testing.T) {
	files := ringOf(t, testcap.Path(t, "07a_hiredis_err_cleared.pcap"), 40)
	state := filepath.Join(t.TempDir(), "state")
	type report struct {
		Findings []struct {
			Rule     string
			Count    int
			Examples []struct{ File string }
		}
		Summary  struct{ Commands, Packets, Connections, Replies int64 }
		Verdict  struct{ Word string }
		Warnings []string
	}
	read := func(args ...string) (d report) {
		t.Helper()
		r := runApp(t, nil, "", append([]string{"analyze", "--fail-on", "none", "-o", "json"}, args...)...)
		if err := json.Unmarshal([]byte(r.out), &d); err != nil || r.code != exitClean {
			t.Fatalf("exit code %d, %v: %s", r.code, err, r.errout)
		}
		return d
	}
	misread := func(d report) (n int) {
		for _, f := range d.Findings {
			if f.Rule == "RS103" {
				n += f.Count
			}
		}
		return n
	}
	whole := read(testcap.Path(t, "07a_hiredis_err_cleared.pcap"))
	var sum report
	calls, earlier := 0, false
	for i, file := range files {
		d := read("--state", state, file)
		calls += misread(d)
		sum.Summary.Commands += d.Summary.Commands
		sum.Summary.Replies += d.Summary.Replies
		sum.Summary.Packets += d.Summary.Packets
		if len(d.Warnings) > 0 {
			t.Errorf("%s: %q", file, d.Warnings)
		}
		for _, f := range d.Findings {
			for _, e := range f.Examples {
				earlier = earlier || i > 0 && e.File == files[i-1]
			}
		}
		before, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		r := runApp(t, nil, "", "analyze", "--state", state, file)
		if r.code != exitIncomplete || !strings.Contains(r.errout, "it is that file, or an earlier one") {
			t.Errorf("%s again: exit code %d: %s", file, r.code, r.errout)
		}
		if after, err := os.ReadFile(state); err != nil || string(after) != string(before) {
			t.Errorf("%s again changed the state", file)
		}
	}
	if calls != misread(whole) || calls == 0 {
		t.Errorf("%d misread calls in the files, %d in the whole", calls, misread(whole))
	}
	if sum.Summary.Commands != whole.Summary.Commands || sum.Summary.Replies != whole.Summary.Replies || sum.Summary.Packets != whole.Summary.Packets {
		t.Errorf("the files have %+v, the whole %+v", sum.Summary, whole.Summary)
	}
	if !earlier {
		t.Error("no example is of an earlier file")
	}
}

func TestStateIsRefused(t *testing.T) {
	path := generated(t, healthy)
	other := temp(t, "other", "no state")
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no state":      {[]string{"--state", other, path}, exitIncomplete, "no file of --state"},
		"the capture":   {[]string{"--state", path, path}, exitUsage, "which is read"},
		"each alone":    {[]string{"--state", filepath.Join(t.TempDir(), "s"), "--separate", path}, exitUsage, "leave out --separate"},
		"no such place": {[]string{"--state", "/no/such/place", path}, exitIncomplete, "--state"},
	} {
		if r := runApp(t, nil, "", append([]string{"analyze"}, c.args...)...); r.code != c.code || !strings.Contains(r.errout, c.says) {
			t.Errorf("%s: exit code %d, %s", name, r.code, r.errout)
		}
	}
}
