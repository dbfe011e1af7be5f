package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/respsniff/respsniff/analysis/detectors"
	"github.com/respsniff/respsniff/internal/testcap"
)

// commandsOf lists the program's commands, without those that cobra adds.
func commandsOf(t *testing.T) []*cobra.Command {
	t.Helper()
	return newRootCommand(&app{stdout: os.Stdout, env: func(string) (string, bool) { return "", false }}).Commands()
}

// TestHelpGroupsFlags: every flag stands under a heading once, none of the rules' parameters does, and all fits.
func TestHelpGroupsFlags(t *testing.T) {
	for _, c := range commandsOf(t) {
		r := runApp(t, nil, "", "help", c.Name())
		if r.code != exitClean || r.out == "" {
			t.Errorf("help %s: exit code %d: %s", c.Name(), r.code, r.errout)
		}
		for line := range strings.Lines(r.out) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 100 && !strings.HasPrefix(line, "  ") {
				t.Errorf("help %s: %d columns: %s", c.Name(), n, line)
			}
			if strings.Contains(line, "(default )") || strings.Contains(line, "(default [") {
				t.Errorf("help %s: %s", c.Name(), line)
			}
		}
		if c.IsAdditionalHelpTopicCommand() {
			continue
		}
		before := -1
		for _, h := range headings {
			at := strings.Index(r.out, "\n"+h+":\n")
			if at >= 0 && at < before {
				t.Errorf("help %s: %s stands too early", c.Name(), h)
			}
			before = max(before, at)
		}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			want := 1
			if f.Hidden || headingOf(f) == headParameters {
				want = 0
			}
			if n := strings.Count(r.out, "--"+f.Name+" ") + strings.Count(r.out, "--"+f.Name+"\n"); want == 1 && n == 0 || want == 0 && strings.Contains(r.out, "  --"+f.Name+" ") {
				t.Errorf("help %s has --%s %d times, want %d", c.Name(), f.Name, n, want)
			}
			if !f.Hidden && f.Annotations[headingKey] == nil && f.Name != "help" && f.Name != "version" && c.Name() != "generate" {
				t.Errorf("%s: --%s has no heading", c.Name(), f.Name)
			}
		})
	}
}

func TestHelpOfParameters(t *testing.T) {
	page := runApp(t, nil, "", "help", "parameters")
	n := 0
	for _, d := range detectors.All() {
		for _, p := range d.Params {
			n++
			if name := parameterName(d.ID, p.Name); !strings.Contains(page.out, "  --"+name+" ") {
				t.Errorf("help parameters lacks --%s", name)
			}
		}
	}
	if n < 20 {
		t.Errorf("only %d parameters", n)
	}
	if r := runApp(t, nil, "", "analyze", "--help"); strings.Contains(r.out, "--rs202.cluster_width") || !strings.Contains(r.out, "help parameters") {
		t.Errorf("help of analyze:\n%s", r.out)
	}
	if r := runApp(t, nil, "", "__complete", "pairs", "--rs202."); !strings.Contains(r.out, "--rs202.cluster_width") {
		t.Errorf("completion: %s", r.out)
	}
}

// TestParametersByName gives a parameter a wrong value by all the names that it has.
func TestParametersByName(t *testing.T) {
	for _, flag := range []string{"--rs301.share", "--RS301.share", "--moved-storm.share", "--Moved-Storm.Share"} {
		if r := runApp(t, nil, "", "analyze", "x.pcap", flag, "5"); r.code != exitUsage || !strings.Contains(r.errout, "--rs301.share 5") {
			t.Errorf("%s: exit code %d: %s", flag, r.code, r.errout)
		}
	}
	for _, text := range []string{"rs301.share: 5\n", "moved-storm.share: 5\n"} {
		if r := runApp(t, nil, "", "analyze", "x.pcap", "--config", temp(t, "c.yaml", text)); r.code != exitUsage || !strings.Contains(r.errout, "--rs301.share 5") {
			t.Errorf("%s: exit code %d: %s", text, r.code, r.errout)
		}
	}
	if r := runApp(t, nil, "", "analyze", "x.pcap", "--config", temp(t, "c.yaml", "rs301.share: 5%\nmoved-storm.share: 4%\n")); r.code != exitUsage || !strings.Contains(r.errout, "are the same") {
		t.Errorf("one parameter twice: exit code %d: %s", r.code, r.errout)
	}
}

// TestRetiredParameters: a threshold of an earlier version is said to be of no use, by flag and by configuration file, and
// nothing else changes.
func TestRetiredParameters(t *testing.T) {
	file, told := testcap.Path(t, "01a_small.pcap"), "--rs102.slack is no longer used"
	plain := runApp(t, nil, "", "analyze", file)
	config := temp(t, "c.yaml", "rs102.slack: 5ms\n")
	for _, args := range [][]string{{"--rs102.slack", "5ms"}, {"--late-reply-reuse.slack", "5ms"}, {"--config", config}} {
		r := runApp(t, nil, "", append([]string{"analyze", file}, args...)...)
		if r.code != plain.code || r.out != plain.out || !strings.Contains(r.errout, told) {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.errout)
		}
	}
	if r := runApp(t, nil, "", "help", "parameters"); strings.Contains(r.out, "rs102.slack") {
		t.Error("help shows it")
	}
	if strings.Contains(plain.errout, "no longer used") {
		t.Errorf("without: %s", plain.errout)
	}
}

func TestManPagesOfParameters(t *testing.T) {
	dir := t.TempDir()
	if r := runApp(t, nil, "", "man", dir); r.code != exitClean {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	for _, c := range commandsOf(t) {
		if c.Hidden || c.Name() == "help" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, "respsniff-"+c.Name()+".1"))
		if err != nil {
			t.Error(err)
		}
		if has, want := strings.Contains(string(text), "rs202.cluster_width"), c.Name() == "parameters"; has != want {
			t.Errorf("page of %s: parameters of rules: %t, want %t", c.Name(), has, want)
		}
	}
}
