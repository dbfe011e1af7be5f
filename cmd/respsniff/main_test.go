package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/respsniff/respsniff/internal/testcap"
)

// result is what one run of the program left.
type result struct {
	code        int
	out, errout string
}

// runApp runs the program with an environment of its own.
func runApp(t *testing.T, env map[string]string, stdin string, args ...string) result {
	t.Helper()
	var out, errout bytes.Buffer
	a := &app{stdin: strings.NewReader(stdin), stdout: &out, stderr: &errout, env: func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	}}
	code := a.run(context.Background(), args)
	return result{code, out.String(), errout.String()}
}

func writeFile(path, text string) error { return os.WriteFile(path, []byte(text), 0o600) }

func temp(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := writeFile(path, text); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestExitCodes(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	whole, err := os.ReadFile(small)
	if err != nil {
		t.Fatal(err)
	}
	cut := temp(t, "cut.pcap", string(whole[:len(whole)-7]))
	for _, tc := range []struct {
		name string
		args []string
		code int
		says string // on stderr
	}{
		{"missing file", []string{"analyze", "/no/such/file.pcap"}, exitIncomplete, "/no/such/file.pcap"},
		{"empty file", []string{"analyze", temp(t, "empty.pcap", "")}, exitIncomplete, "empty"},
		{"JPEG", []string{"analyze", temp(t, "photo.pcap", "\xff\xd8\xff\xe0\x00\x10JFIF")}, exitIncomplete, "JPEG"},
		{"directory without captures", []string{"analyze", t.TempDir()}, exitIncomplete, "captures"},
		{"cut file", []string{"analyze", "--fail-on", "none", cut}, exitIncomplete, "cut.pcap"},
		{"cut file, allowed", []string{"analyze", "--fail-on", "none", "--allow-incomplete", cut}, exitClean, "cut.pcap"},
		{"whole file, never failing", []string{"analyze", "--fail-on", "none", small}, exitClean, ""},
		{"no argument", []string{"analyze"}, exitUsage, "analyze"},
		{"unknown command", []string{"analyse", "x"}, exitUsage, "analyse"},
		{"parameter of a rule", []string{"analyze", "--rs301.share", "5", small}, exitUsage, "percentage"},
		{"unknown flag", []string{"analyze", "--nope", small}, exitUsage, "nope"},
		{"bad severity", []string{"analyze", "--fail-on", "info", small}, exitUsage, "--fail-on info"},
		{"bad format", []string{"analyze", "-o", "xml", small}, exitUsage, "xml"},
		{"rows as html", []string{"pairs", "-o", "html", small}, exitUsage, "html"},
		{"two on stdout", []string{"analyze", "-o", "text", "-o", "json", small}, exitUsage, "standard output"},
		{"bad zone", []string{"analyze", "--tz", "Mars/Olympus", small}, exitUsage, "Mars/Olympus"},
		{"bad timeout", []string{"analyze", "--read-timeout", "soon", small}, exitUsage, "soon"},
		{"bad policy", []string{"analyze", "--policy", "10.0.0.1=often", small}, exitUsage, "often"},
		{"bad client", []string{"conns", "--client", "web1", small}, exitUsage, "web1"},
		{"bad since", []string{"pairs", "--since", "yesterday", small}, exitUsage, "yesterday"},
		{"since after until", []string{"pairs", "--since", "20:00", "--until", "19:00", "--tz", "UTC", small}, exitUsage, "20:00"},
		{"no command", []string{"pairs", "--cmd", "", small}, exitUsage, "--cmd"},
		{"bad around", []string{"pairs", "--around", "09:16", small}, exitUsage, "09:16"},
		{"no such rule to filter by", []string{"analyze", "--rule", "RS999", small}, exitUsage, "RS999"},
		{"bad stage", []string{"dump", "--stage", "frames", small}, exitUsage, "frames"},
		{"unknown rule", []string{"explain", "RS000"}, exitUsage, "RS000"},
		{"version", []string{"version"}, exitClean, ""},
		{"every finding by an empty word", []string{"cut", small, "--finding", "", "-o", "-"}, exitUsage, "--finding"},
		{"explain", []string{"explain"}, exitClean, ""},
		{"help", []string{"--help"}, exitClean, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := runApp(t, nil, "", append(tc.args, "-q=false")...)
			if r.code != tc.code {
				t.Errorf("exit code %d, want %d\nstderr: %s", r.code, tc.code, r.errout)
			}
			if !strings.Contains(r.errout, tc.says) {
				t.Errorf("stderr does not say %q:\n%s", tc.says, r.errout)
			}
			if tc.code == exitIncomplete && strings.Contains(r.errout, "Usage:") {
				t.Errorf("usage text on a run-time error:\n%s", r.errout)
			}
		})
	}
}

func TestIncompleteIsInJSON(t *testing.T) {
	whole, err := os.ReadFile(testcap.Path(t, "01a_small.pcap"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"whole": string(whole), "cut": string(whole[:len(whole)-7])} {
		r := runApp(t, nil, text, "analyze", "-o", "json", "-")
		var doc struct {
			Complete *bool `json:"complete"`
		}
		if err := json.Unmarshal([]byte(r.out), &doc); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, r.errout)
		}
		if doc.Complete == nil || *doc.Complete != (name == "whole") {
			t.Errorf("%s: complete is %v", name, doc.Complete)
		}
	}
}

func TestNothingReadIsInJSON(t *testing.T) {
	junk := temp(t, "junk.pcap", "junk\n")
	for _, tc := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"analyze", junk}, exitIncomplete, ""},
		{[]string{"analyze", "-o", "json", junk}, exitIncomplete, `"complete": false`},
		{[]string{"analyze", "-o", "ndjson", "/no/such.pcap", junk}, exitIncomplete, `{"file":"/no/such.pcap"`},
		{[]string{"analyze", "-o", "json", "--allow-incomplete", junk}, exitClean, `"complete": false`},
		{[]string{"analyze", "--allow-incomplete", junk}, exitClean, "NOTHING READ"},
		{[]string{"pairs", "-o", "json", junk}, exitIncomplete, `"complete":false`},
		{[]string{"conns", "-o", "csv", junk}, exitIncomplete, "conn,client,server,"},
		{[]string{"stats", "-o", "json", junk}, exitIncomplete, `"complete": false`},
	} {
		r := runApp(t, nil, "", append(tc.args, "-q")...)
		if r.code != tc.code || !strings.Contains(r.out, tc.want) || tc.want == "" && r.out != "" || !strings.Contains(r.errout, "is not a capture") {
			t.Errorf("%v: exit code %d\n%s%s", tc.args, r.code, r.out, r.errout)
		}
	}
}

func TestInterruptedRunIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out, errout bytes.Buffer
	code := run(ctx, strings.NewReader(""), &out, &errout, []string{"analyze", "--fail-on", "none", testcap.Path(t, "01a_jedis262_buggy_T300.pcap")})
	if code != exitIncomplete || !strings.Contains(out.String(), "interrupted") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errout.String())
	}
}

func TestOutputFiles(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	path := filepath.Join(t.TempDir(), "r.json")
	args := []string{"analyze", small, "--fail-on", "none", "-o", "text", "-o", "json=" + path}
	if r := runApp(t, nil, "", args...); r.code != exitClean || r.out == "" {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	if r := runApp(t, nil, "", args...); r.code != exitUsage || !strings.Contains(r.errout, "exists") {
		t.Errorf("an existing file: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", append(args, "--force")...); r.code != exitClean {
		t.Errorf("--force: exit code %d: %s", r.code, r.errout)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
	rows := filepath.Join(t.TempDir(), "rows.ndjson")
	if r := runApp(t, nil, "", "pairs", small, "-o", "ndjson="+rows); r.code != exitClean {
		t.Errorf("pairs into a file: exit code %d: %s", r.code, r.errout)
	}
	if info, err := os.Stat(rows); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("rows: %v %v", info, err)
	}
	if r := runApp(t, nil, "", "analyze", small, "--fail-on", "none", "-o", "json=/no/such/dir/x.json"); r.code != exitUsage {
		t.Errorf("an impossible path: exit code %d: %s", r.code, r.errout)
	}
	for _, args := range [][]string{
		{"cut", "/no/such.pcap", "--conn", "1", "-o"}, {"generate", "/no/such.txt", "-o"}, {"analyze", "/no/such.pcap", "--write-baseline"},
	} {
		for _, place := range []string{path, "/no/such/dir/x"} { // refused before anything is read
			if r := runApp(t, nil, "", append(args, place)...); r.code != exitUsage || !strings.Contains(r.errout, place) {
				t.Errorf("%s into %s: exit code %d: %s", args[0], place, r.code, r.errout)
			}
		}
	}
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink("nowhere", link); err != nil {
		t.Fatal(err)
	}
	for _, outputs := range [][]string{{"-o", "json=" + link}, {"-o", "json=" + link + "1", "-o", "text=" + filepath.Dir(link) + "/./link.json1"}} {
		if r := runApp(t, nil, "", append([]string{"analyze", small}, outputs...)...); r.code != exitUsage {
			t.Errorf("%v: exit code %d: %s", outputs, r.code, r.errout)
		}
	}
	rows = filepath.Join(t.TempDir(), "again.ndjson")
	if r := runApp(t, nil, "", "pairs", small, "-o", "csv", "-o", "ndjson="+rows); r.code != exitClean || strings.Count(r.out, "\n") != 113 {
		t.Errorf("pairs twice: exit code %d, %d lines: %s", r.code, strings.Count(r.out, "\n"), r.errout)
	}
	if text, err := os.ReadFile(rows); err != nil || bytes.Count(text, []byte("\n")) != 112 {
		t.Errorf("%d rows in the file: %v", bytes.Count(text, []byte("\n")), err)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestFullDisk(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	for _, args := range [][]string{{"analyze", small}, {"pairs", small}, {"conns", "-o", "csv", small}, {"stats", small}} {
		var errout bytes.Buffer
		if code := run(context.Background(), strings.NewReader(""), full{}, &errout, args); code != exitIncomplete || !strings.Contains(errout.String(), "no space left") {
			t.Errorf("%v: exit code %d: %s", args, code, errout.String())
		}
	}
}

func TestSettings(t *testing.T) {
	small := testcap.Path(t, "01a_small.pcap")
	good := temp(t, "config.yaml", "fail-on: none\nread-timeout: [10.0.0.1=5s, 300ms]\nport: [14159, 14160]\n")
	for _, tc := range []struct {
		name string
		env  map[string]string
		args []string
		code int
		says string
	}{
		{"config file", nil, []string{"--config", good}, exitClean, ""},
		{"config by environment", map[string]string{"RESPSNIFF_CONFIG": good}, nil, exitClean, ""},
		{"unknown key", nil, []string{"--config", temp(t, "c.yaml", "fail_on: none\n")}, exitUsage, "fail_on"},
		{"bad value", nil, []string{"--config", temp(t, "c.yaml", "fail-on: never\n")}, exitUsage, "never"},
		{"not YAML", nil, []string{"--config", temp(t, "c.yaml", "a: [\n")}, exitUsage, "c.yaml"},
		{"missing file", nil, []string{"--config", "/no/such.yaml"}, exitUsage, "/no/such.yaml"},
		{"environment", map[string]string{"RESPSNIFF_FAIL_ON": "sometimes"}, nil, exitUsage, "sometimes"},
		{"flag before environment", map[string]string{"RESPSNIFF_FAIL_ON": "sometimes"}, []string{"--fail-on", "none"}, exitClean, ""},
		{"environment before file", map[string]string{"RESPSNIFF_FAIL_ON": "none"}, []string{"--config", temp(t, "c.yaml", "fail-on: never\n")}, exitClean, ""},
		{"no config at home", map[string]string{"HOME": t.TempDir(), "RESPSNIFF_FAIL_ON": "none"}, nil, exitClean, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := runApp(t, tc.env, "", append([]string{"analyze", small}, tc.args...)...)
			if r.code != tc.code || !strings.Contains(r.errout, tc.says) {
				t.Errorf("exit code %d, want %d saying %q: %s", r.code, tc.code, tc.says, r.errout)
			}
		})
	}
}

func TestColor(t *testing.T) {
	for _, tc := range []struct {
		choice string
		env    map[string]string
		want   bool
	}{
		{"auto", nil, false}, // a buffer is no terminal
		{"always", map[string]string{"NO_COLOR": "1"}, true},
		{"never", map[string]string{"CLICOLOR_FORCE": "1"}, false},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{"auto", map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{"auto", map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
	} {
		a := &app{stdout: &bytes.Buffer{}, env: func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok }}
		if got := a.colored(tc.choice); got != tc.want {
			t.Errorf("%s with %v: %v", tc.choice, tc.env, got)
		}
	}
}

func TestInternalErrorIsFour(t *testing.T) {
	a := &app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: &bytes.Buffer{}, env: func(string) (string, bool) { panic("boom\x1b[31m") }}
	if code := a.run(context.Background(), []string{"version"}); code != exitInternal {
		t.Errorf("exit code %d", code)
	}
	if text := a.stderr.(*bytes.Buffer).String(); strings.Contains(text, "\x1b") {
		t.Errorf("a raw control character: %q", text)
	}
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if r := runApp(t, nil, "", "man", dir); r.code != exitClean {
		t.Fatalf("exit code %d: %s", r.code, r.errout)
	}
	page, err := os.ReadFile(filepath.Join(dir, "respsniff-analyze.1"))
	if err != nil || !bytes.Contains(page, []byte(".TH")) {
		t.Errorf("%v: %.80s", err, page)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if r := runApp(t, nil, "", "completion", shell); r.code != exitClean || !strings.Contains(r.out, "respsniff") {
			t.Errorf("%s: exit code %d: %s", shell, r.code, r.errout)
		}
	}
	if r := runApp(t, nil, "", "__complete", "analyze", "--fail-on", "c"); !strings.Contains(r.out, "critical") {
		t.Errorf("completion of --fail-on: %s", r.out)
	}
}
