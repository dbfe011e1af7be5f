package analysis

import (
	"cmp"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
)

// rows are the lines of the conns command.
type rows struct {
	keep bool
	all  []*ConnSummary
	last ConnSummary // emitted last, where rows are not kept
}

// add takes the row of a connection that is over and judged. It is kept only for those who asked for it: a row for each of
// a million short connections is garbage that doubles the memory of a run.
func (t *rows) add(row ConnSummary) *ConnSummary {
	kept := &t.last
	if t.keep {
		kept = new(ConnSummary)
		t.all = append(t.all, kept)
	}
	*kept = row
	return kept
}

// sort puts the rows in order of their numbers.
func (t *rows) sort() {
	slices.SortFunc(t.all, func(a, b *ConnSummary) int { return cmp.Compare(a.ID, b.ID) })
}

// complete fills in what only the whole run knows.
func (c *ConnSummary) complete(clients *client.Registry) {
	lib := c.group.Pop.Library()
	c.Library, c.Version = lib.Name, lib.Version
	c.Policy = c.group.PolicyWord(clients.StanceOf(c.Client.Addr(), c.group, false))
	if ts := c.group.Pop.Estimate(); len(ts.Values) > 0 {
		c.ReadTimeout = ts.Values[0].T
	}
	if t, ok := clients.GivenTimeout(c.Client.Addr()); ok {
		c.ReadTimeout = t
	}
}
