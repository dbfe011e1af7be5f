package detectors

import (
	"testing"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// TestSuspectsKeepTheLongestUnused looks that those which are dropped are the ones least likely to be lost, and that only
// they count which may still have been.
func TestSuspectsKeepTheLongestUnused(t *testing.T) {
	var set bound.Set
	s := newSuspects(&set)
	s.limit.Limit = 4
	now := capture.Time(100 * time.Second)
	add := func(conn, lastUse int64, poisoned bool) {
		l := &lost{conn: conn, poisoned: poisoned}
		l.facts.LastClient = capture.Time(lastUse * int64(time.Second))
		s.add(l, now)
	}
	add(1, 99, true) // used a moment ago, but its last caller got another command's reply
	for conn := int64(2); conn < 40; conn++ {
		add(conn, 100, false) // in use
	}
	if s.limit.Hits > 0 || len(s.byConn) >= 2*s.limit.Limit {
		t.Errorf("connections in use: %d kept, %d hits", len(s.byConn), s.limit.Hits)
	}
	for conn := int64(40); conn < 50; conn++ {
		add(conn, conn, false)
	}
	got := []int64{}
	for _, l := range s.inOrder(now) {
		got = append(got, l.conn)
	}
	if len(got) != 4 || got[0] != 1 || got[1] != 40 || got[3] != 42 || s.limit.Hits != 7 {
		t.Errorf("kept %v with %d hits", got, s.limit.Hits)
	}
}
