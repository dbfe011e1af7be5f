package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilesWithoutACommand: a capture alone, or behind -r, is analysed; a misspelt command is named, not taken for a file.
func TestFilesWithoutACommand(t *testing.T) {
	bad := generated(t, desync)
	want := runApp(t, nil, "", "analyze", bad)
	if want.code != exitFindings {
		t.Fatalf("exit code %d: %s", want.code, want.errout)
	}
	text, err := os.ReadFile(bad)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{bad}, {"-r", bad}, {"-r" + bad}, {"-qr", bad}, {"--read-file", bad}, {"--read-file=" + bad}, {"--", bad}, {"-q", bad}, {"--color", "never", bad},
		{"--memory-limit=512MiB", "--separate", bad}, {"--fail-on", "high", "-r", bad}, {bad, "--tz", "Local"}, {"-o", "text", bad}, {"-otext", bad},
		{"analyze", "-r", bad},
	} {
		if r := runApp(t, nil, "", args...); r.code != want.code || r.out != want.out || r.errout != want.errout {
			t.Errorf("%v: exit code %d: %.200s%s", args, r.code, r.out, r.errout)
		}
	}
	for _, args := range [][]string{{"-"}, {"-r", "-"}, {"-q", "-"}} {
		if r := runApp(t, nil, string(text), args...); r.code != exitFindings || !strings.HasPrefix(r.out, "DESYNC") {
			t.Errorf("%v: exit code %d: %.200s%s", args, r.code, r.out, r.errout)
		}
	}
	if r := runApp(t, nil, "", filepath.Dir(bad)); r.code != exitFindings {
		t.Errorf("a directory: exit code %d: %s", r.code, r.errout)
	}
	if r := runApp(t, nil, "", bad, generated(t, strings.ReplaceAll(healthy, "10.0.0.1", "10.0.0.9"))); r.code != exitFindings || strings.Count(r.out, "made.pcap: ") != 2 {
		t.Errorf("two files: exit code %d: %s%s", r.code, r.out, r.errout)
	}
	for _, command := range []string{"pairs", "conns", "stats", "dump"} {
		a, b := runApp(t, nil, "", command, bad), runApp(t, nil, "", command, "-r", bad)
		if a.code != exitClean || a != b {
			t.Errorf("%s -r: exit code %d: %s", command, b.code, b.errout)
		}
		if r := runApp(t, nil, "", command); r.code != exitUsage || !strings.Contains(r.errout, command+": name a capture") {
			t.Errorf("%s alone: exit code %d: %s", command, r.code, r.errout)
		}
	}
}

func TestMistypedCommands(t *testing.T) {
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"analyse", "x.pcap"}, exitUsage, `unknown command "analyse" for "respsniff", and there is no such file: did you mean analyze?`},
		{[]string{"pars"}, exitUsage, "did you mean pairs?"},
		{[]string{"-q", "pars"}, exitUsage, "did you mean pairs?"},
		{[]string{"nosuch.pcap"}, exitUsage, `unknown command "nosuch.pcap" for "respsniff", and there is no such file`},
		{[]string{"\x1b[2Jx"}, exitUsage, "unknown command"},
		{[]string{"-r", "nosuch.pcap"}, exitIncomplete, "nosuch.pcap: no such file"},
		{[]string{"-r"}, exitUsage, "flag needs an argument"},
		{[]string{"--rul", "RS101"}, exitUsage, "unknown flag: --rul: did you mean --rule?"},
		{[]string{"conns", "--dirt", "x"}, exitUsage, "unknown flag: --dirt: did you mean --dirty?"},
		{[]string{"version", "--nothing-like-it"}, exitUsage, "unknown flag: --nothing-like-it: 'respsniff version --help' lists the flags"},
		{[]string{"help", "pars"}, exitUsage, "did you mean pairs?"},
		{[]string{"help", "dirty-reuse"}, exitUsage, "'respsniff explain RS101'"},
		{[]string{"help", "xyz"}, exitUsage, `no topic "xyz"`},
		{[]string{"-é"}, exitUsage, "unknown shorthand flag"},
	} {
		r := runApp(t, nil, "", tc.args...)
		if r.code != tc.code || !strings.Contains(r.errout, tc.says) || r.out != "" || strings.Contains(r.errout, "\x1b") || strings.Contains(r.errout, `\t`) {
			t.Errorf("%q: exit code %d, want %d saying %q: %s%s", tc.args, r.code, tc.code, tc.says, r.errout, r.out)
		}
	}
	for _, args := range [][]string{nil, {"--help"}, {"-h"}, {"help"}, {"-q", "--help"}} {
		if r := runApp(t, nil, "", args...); r.code != exitClean || !strings.Contains(r.out, "What is in a capture:") {
			t.Errorf("%q: exit code %d: %s", args, r.code, r.errout)
		}
	}
}
