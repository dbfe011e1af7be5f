package main

import (
	"strings"
	"testing"
)

// stall is a server that answers nobody for two seconds, though its kernel does, and another one that is well.
const stall = `
conn w 10.0.0.1:40001 -> 10.0.0.3:6379
repeat 20 every 2ms { w > GET k{i} => $v{i} }
repeat 12 { conn c{i} 10.0.0.1:{42000+i} -> 10.0.0.2:6379 }
2.0 repeat 12 { c{i} > GET a => $A }
5.0 repeat 12 every 3ms { c{i} > GET b }
7.2 repeat 12 every 10us { c{i} < $B }
7.3 repeat 12 { c{i} > GET c => $C }
`

func TestConnectionFiltersHoldForTheWholeRun(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		want        bool
	}{
		{"--server", "10.0.0.2", true},
		{"--conn", "2", true},
		{"--server", "10.0.0.3", false},
		{"--client", "10.0.0.9", false},
		{"--conn", "1", false},
		{"--conn", "99", false},
	} {
		r := runApp(t, nil, "", "analyze", "-o", "csv", path, tc.flag, tc.value)
		if r.code != exitClean || strings.Contains(r.out, "RS401") != tc.want {
			t.Errorf("%s %s: exit code %d, RS401 wanted: %t\n%s%s", tc.flag, tc.value, r.code, tc.want, r.out, r.errout)
		}
		if none := tc.value == "99" || tc.value == "10.0.0.9"; strings.Contains(r.errout, "no connection") != none {
			t.Errorf("%s %s: %s", tc.flag, tc.value, r.errout)
		}
	}
}

func TestConnsByCommandKeyAndRule(t *testing.T) {
	path := generated(t, stall)
	for _, tc := range []struct {
		flag, value string
		rows        int
	}{
		{"--cmd", "GET", 13}, {"--cmd", "SET", 0}, {"--key", "k1?", 1}, {"--key", "b", 12}, {"--rule", "RS101", 0}, {"--rule", "RS9", 0},
	} {
		r := runApp(t, nil, "", "conns", "-o", "ndjson", path, tc.flag, tc.value)
		if n := strings.Count(r.out, "\n"); r.code != exitClean || n != tc.rows {
			t.Errorf("%s %s: exit code %d, %d rows, want %d: %s", tc.flag, tc.value, r.code, n, tc.rows, r.errout)
		}
	}
	bad := generated(t, desync)
	if r := runApp(t, nil, "", "conns", "-o", "ndjson", bad, "--rule", "rs101"); strings.Count(r.out, "\n") != 1 {
		t.Errorf("--rule rs101: %s%s", r.out, r.errout)
	}
}
