package databases

import (
	"testing"

	"github.com/respsniff/respsniff/internal/bound"
)

// TestDatabasesAreBounded: a client that selects ever other databases costs no more than one that uses a few.
func TestDatabasesAreBounded(t *testing.T) {
	var p pool
	max := &bound.Bound{Limit: maxDatabases}
	for n := range 10 * maxDatabases {
		p.of(n, max).first++
	}
	if len(p.tallies) != maxDatabases || max.Hits == 0 || p.of(3, max).first != 1 || p.of(5*maxDatabases, max).first != 0 {
		t.Errorf("%d databases, %d connections in the fourth, %d beyond the bound", len(p.tallies), p.of(3, max).first, p.of(5*maxDatabases, max).first)
	}
}
