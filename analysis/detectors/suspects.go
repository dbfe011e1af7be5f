package detectors

import (
	"cmp"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// suspects is the connections that may be lost: those that look most like it, where there are more than its bound.
type suspects struct {
	byConn map[int64]*lost
	limit  *bound.Bound
}

// maxSuspects is how many connections are kept that may be lost, at 2 KiB each, and for a while twice as many; it is scaled to
// the memory limit.
const maxSuspects = 1 << 13

func newSuspects(set *bound.Set) *suspects {
	return &suspects{map[int64]*lost{}, set.New(bound.Bound{
		Name: "connections that may be lost", Limit: set.Scaled(maxSuspects), Hides: "leaks of further connections that the client left open", Loses: bound.Evidence,
	})}
}

// add stores a connection. At twice the bound the least suspicious are dropped.
func (s *suspects) add(l *lost, now capture.Time) {
	if s.byConn[l.conn] = l; len(s.byConn) >= 2*s.limit.Limit {
		s.drop(now)
	}
}

// drop leaves as many as the bound allows. Those that may still be reported count as a hit.
func (s *suspects) drop(now capture.Time) {
	all := make([]*lost, 0, len(s.byConn))
	for _, l := range s.byConn {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *lost) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(a.facts.LastClient, b.facts.LastClient), cmp.Compare(a.conn, b.conn))
	})
	for _, l := range all[min(len(all), s.limit.Limit):] {
		delete(s.byConn, l.conn)
		if l.rank() == 0 || l.idle(now) >= brokenIdle {
			s.limit.Hits++
		}
	}
}

// inOrder returns the connections, at most as many as the bound says, in order of their numbers.
func (s *suspects) inOrder(now capture.Time) []*lost {
	s.drop(now)
	all := make([]*lost, 0, len(s.byConn))
	for _, l := range s.byConn {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *lost) int { return cmp.Compare(a.conn, b.conn) })
	return all
}

// rank is 0 for a connection that shows by itself that it may be lost. Others are the more suspicious the longer nobody
// has used them.
func (l *lost) rank() int {
	if l.poisoned || l.facts.CloseWait() {
		return 0
	}
	return 1
}

// idle is how long the client has not written.
func (l *lost) idle(now capture.Time) time.Duration { return now.Sub(l.facts.LastClient) }
