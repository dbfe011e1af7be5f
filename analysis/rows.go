package analysis

import (
	"cmp"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/internal/bound"
)

// rows are the lines of the conns command.
type rows struct {
	limit *bound.Bound // nil: rows are not kept
	all   []*ConnSummary
	slab  []ConnSummary // room for further ones
	last  ConnSummary   // emitted last, where rows are not kept

	of      *client.Population // asked for last
	timeout time.Duration      // … and its read timeout
}

// maxRows is how many connections have a row that is kept, at 0.4 KiB each, and as much again for the rules of a connection
// and for its population; it is scaled to the memory limit.
const maxRows = 1 << 17

// keepRows asks for the rows; loses says what a run without some of them lacks.
func (t *rows) keepRows(set *bound.Set, loses bound.Loss) {
	t.limit = set.New(bound.Bound{Name: "rows of connections", Limit: set.Scaled(maxRows), Hides: "further connections, in lists and figures", Loses: loses})
}

// add takes the row of a connection that is over and judged. It is kept only for those who asked for it: a row for each of
// a million short connections is garbage that doubles the memory of a run.
func (t *rows) add(row ConnSummary) *ConnSummary {
	if t.limit == nil || !t.limit.Admits(len(t.all)) {
		row.pop = nil
		t.last = row
		return &t.last
	}
	if len(t.slab) == 0 {
		t.slab = make([]ConnSummary, 64)
	}
	kept := &t.slab[0]
	t.slab = t.slab[1:]
	*kept = row
	t.all = append(t.all, kept)
	return kept
}

// sort puts the rows in order of their numbers.
func (t *rows) sort() {
	slices.SortFunc(t.all, func(a, b *ConnSummary) int { return cmp.Compare(a.ID, b.ID) })
}

// complete fills in what only the whole run knows.
func (c *ConnSummary) complete(r *Run) {
	lib := c.pop.Library()
	c.Library, c.Version = lib.Name, lib.Version
	if !c.weighed || c.Policy == client.PolicyUnknown.String() {
		c.Policy = r.UseOf(c.pop).Policy.String()
	}
	if t, ok := r.GivenTimeout(c.Client.Addr()); ok {
		c.ReadTimeout = t
	} else {
		c.ReadTimeout = readTimeout(r, c.pop)
	}
}

// readTimeout is the clearest read timeout that a population was found to have; 0: none.
func readTimeout(r *Run, p *client.Population) time.Duration {
	if p != r.rows.of {
		r.rows.of, r.rows.timeout = p, 0
		// Where many callers share a connection, the next sign of life is of any of them.
		if h := r.Habits(p); h != nil && len(h.Timeouts) > 0 && !h.Cancels() && r.UseOf(p).Policy != client.PolicyMultiplex {
			r.rows.timeout = desync.TimeoutOf(&h.Timeouts[0]).T
		}
	}
	return r.rows.timeout
}
