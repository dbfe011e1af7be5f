package databases

import "testing"

// TestDatabasesAreBounded: a client that selects ever other databases costs no more than one that uses a few.
func TestDatabasesAreBounded(t *testing.T) {
	var p pool
	for n := range 10 * maxDatabases {
		p.of(n).first++
	}
	if len(p) != maxDatabases || p.of(3).first != 1 || p.of(5*maxDatabases).first != 0 {
		t.Errorf("%d databases, %d connections in the fourth, %d beyond the bound", len(p), p.of(3).first, p.of(5*maxDatabases).first)
	}
}
