package analysis

import (
	"net/netip"
	"testing"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/internal/bound"
)

// TestRowsLetGoOfGroups: rows hold on to a bounded number of client groups. Where there are more, the rows so far are completed
// by what is known then; rows of later connections still learn what comes.
func TestRowsLetGoOfGroups(t *testing.T) {
	given := client.Given{ReadTimeouts: map[netip.Addr]time.Duration{}}
	set := &bound.Set{Memory: 64 << 20}
	clients := client.NewRegistry(given, client.Parameters{}, set)
	var kept rows
	kept.keepRows(set, bound.Evidence)
	const groups = maxRowGroups / 8
	addr := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}) }
	for i := range 2 * groups {
		g := &client.Group{Client: addr(i), Pop: &client.Population{Client: addr(i)}}
		row := ConnSummary{ID: int64(2*groups - i), Client: netip.AddrPortFrom(addr(i), 1), group: g}
		kept.add(row, clients)
		kept.add(row, clients) // another connection of the same group
		if n := len(kept.groups); n > groups {
			t.Fatalf("%d groups are held", n)
		}
	}
	given.ReadTimeouts[netip.Addr{}] = time.Second // what is learned after the first half let go
	kept.sort()
	kept.complete(clients)
	early, late := 0, 0
	for _, c := range kept.all {
		if c.group != nil {
			t.Fatalf("the row of connection %d is not complete", c.ID)
		}
		if c.ReadTimeout == 0 {
			early++
		} else {
			late++
		}
	}
	if early != 2*groups || late != 2*groups {
		t.Errorf("%d rows completed early, %d late, want %d of each", early, late, 2*groups)
	}
	if r := set.Reached(); len(r) != 1 || r[0].Name != "client groups of rows" || r[0].Hits != 1 {
		t.Errorf("reached %+v", r)
	}
}
