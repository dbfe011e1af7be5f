package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	for _, tc := range []struct {
		env   map[string]string
		file  string
		asked bool
	}{
		{nil, "", false},
		{map[string]string{"HOME": "/h"}, "/h/.config/respsniff/config.yaml", false},
		{map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/respsniff/config.yaml", false},
		{map[string]string{"HOME": "/h", "RESPSNIFF_CONFIG": "c"}, "c", true},
	} {
		file, asked := Place(func(name string) (string, bool) { v, ok := tc.env[name]; return v, ok })
		if filepath.ToSlash(file) != tc.file || asked != tc.asked {
			t.Errorf("%v: %q, %v", tc.env, file, asked)
		}
	}
}

func TestRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if values, err := Read(path, false); values != nil || err != nil {
		t.Errorf("a file that need not exist: %v %v", values, err)
	}
	if _, err := Read(path, true); err == nil {
		t.Error("a missing file that was asked for is no error")
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("port: [6379, 6380]\npolicy: {10.0.0.1: lockstep}\nfail-on: low\n")
	values, err := Read(path, true)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string][]string{"port": {"6379", "6380"}, "policy": {"10.0.0.1=lockstep"}, "fail-on": {"low"}} {
		if got, err := Words(values[key]); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q %v, want %q", key, got, err, want)
		}
	}
	if _, err := Words(nil); err == nil {
		t.Error("a key without a value is no error")
	}
	for _, bad := range []string{"port: [", strings.Repeat("#", maxSize+1)} {
		write(bad)
		if _, err := Read(path, true); err == nil {
			t.Errorf("%.10q is no error", bad)
		}
	}
}
