package analysis

import (
	"cmp"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/internal/bound"
)

const (
	// maxRows is how many connections have a row that is kept, at 0.4 KiB each, and as much again for the rules of a
	// connection; it is scaled to the memory limit.
	maxRows = 1 << 17
	// maxRowGroups is how many client groups, at 2.2 KiB each, the rows hold on to after the registry has forgotten them.
	maxRowGroups = 1 << 12
)

// rows are the lines of the conns command.
type rows struct {
	limit  *bound.Bound // nil: rows are not kept
	memory *bound.Bound // of groups
	all    []*ConnSummary
	open   int // the first of all that is not complete
	groups map[*client.Group]struct{}
	last   ConnSummary // emitted last, where rows are not kept
}

// keepRows asks for the rows; loses says what a run without some of them lacks.
func (t *rows) keepRows(set *bound.Set, loses bound.Loss) {
	t.limit = set.New(bound.Bound{Name: "rows of connections", Limit: set.Scaled(maxRows), Hides: "further connections, in lists and figures", Loses: loses})
	t.memory = set.New(bound.Bound{
		Name: "client groups of rows", Limit: set.Scaled(maxRowGroups), Hides: "what clients showed of their policy and read timeout after most of their connections were over", Loses: bound.Detail,
	})
	t.groups = map[*client.Group]struct{}{}
}

// add takes the row of a connection that is over and judged. It is kept only for those who asked for it: a row for each of
// a million short connections is garbage that doubles the memory of a run.
func (t *rows) add(row ConnSummary, clients *client.Registry) *ConnSummary {
	if t.limit == nil || !t.limit.Admits(len(t.all)) {
		row.group = nil
		t.last = row
		return &t.last
	}
	if _, known := t.groups[row.group]; row.group != nil && !known {
		if !t.memory.Admits(len(t.groups)) {
			t.complete(clients)
		}
		t.groups[row.group] = struct{}{}
	}
	kept := new(ConnSummary)
	*kept = row
	t.all = append(t.all, kept)
	return kept
}

// complete fills in what is known by now, and lets go of the groups.
func (t *rows) complete(clients *client.Registry) {
	for _, c := range t.all[t.open:] {
		if c.group != nil {
			c.complete(clients)
			c.group = nil
		}
	}
	t.open = len(t.all)
	clear(t.groups)
}

// sort puts the rows in order of their numbers.
func (t *rows) sort() {
	t.open = 0
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
