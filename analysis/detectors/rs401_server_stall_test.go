package detectors_test

import (
	"slices"
	"testing"
)

// TestStallOfMany: the connections that waited are counted, all of them, though only the first are kept by name.
func TestStallOfMany(t *testing.T) {
	_, all := findingsOfScenario(t, `
host app   10.0.0.1
host redis 10.0.0.2
repeat 300 { conn c{i} app:{42000+i} -> redis:6379 }
1.0 repeat 300 { c{i} > GET a => $A }
5.0 repeat 300 every 10us { c{i} > GET b }
6.0 repeat 300 every 10us { c{i} < $B }
`)
	for i := range all {
		f := &all[i]
		if f.Rule != "RS401" {
			continue
		}
		for _, want := range []string{"300 connections waited with 300 commands; the server's kernel acknowledged them on 300, on 300 within 5 ms: the network was not the cause", "and 295 connections more"} {
			if !slices.Contains(f.Examples[0].Facts, want) {
				t.Errorf("no %q in %q", want, f.Examples[0].Facts)
			}
		}
		return
	}
	t.Error("no stall")
}
