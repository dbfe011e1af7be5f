package page

import (
	"cmp"
	"slices"

	"github.com/respsniff/respsniff/internal/bound"
)

// rowsInBlock is how many rows are encoded, and given up, together.
const rowsInBlock = 64

// block is some rows of one connection, in the order of their commands.
type block struct {
	of          *conn
	bytes       []byte
	rows        int
	first, last int   // indexes of the commands
	from, to    int64 // times of the first command and of the last thing that is known of one
	pinned      bool  // has trouble, or stands beside it
}

// conn is what is recorded of a connection.
type conn struct {
	id       int64
	blocks   []*block
	pinNext  bool
	dropped  int // rows that were given up
	misreads int // calls; QUITs and the like, which nobody waits for, are not
	gaveUp   int
	longest  int64 // wait for a reply, in nanoseconds

	server, client *lane
}

// blockCost is what a block takes beside its rows, in bytes.
const blockCost = 128

// store keeps rows, at most so many bytes of them: the oldest that nothing happened to give way to newer ones.
type store struct {
	limit *bound.Bound // in bytes
	conns map[int64]*conn
	known *bound.Bound // connections
	size  int
	queue []*block // the oldest first
	head  int      // of queue
}

func newStore(memory int64, conns int, set *bound.Set) store {
	return store{
		conns: map[int64]*conn{},
		limit: set.New(bound.Bound{Name: "bytes of commands for the page", Limit: int(memory), Loses: bound.Detail,
			Hides: "commands in the ladders of the page, the oldest that nothing happened to"}),
		known: set.New(bound.Bound{Name: "connections of the page", Limit: conns, Loses: bound.Detail, Hides: "the ladders of further connections"}),
	}
}

// conn returns what is recorded of a connection; nil where there are too many.
func (s *store) conn(id int64) *conn {
	c := s.conns[id]
	if c == nil && s.known.Admits(len(s.conns)) {
		c = &conn{id: id}
		s.conns[id] = c
	}
	return c
}

func (s *store) add(c *conn, r *row) {
	var b *block
	if n := len(c.blocks); n > 0 && c.blocks[n-1].rows < rowsInBlock {
		b = c.blocks[n-1]
	} else {
		b = &block{of: c, first: r.index, from: r.start, to: r.start, pinned: c.pinNext}
		c.pinNext = false
		c.blocks = append(c.blocks, b)
		s.queue = append(s.queue, b)
		s.size += blockCost
	}
	before := cap(b.bytes)
	b.bytes = r.append(b.bytes)
	s.size += cap(b.bytes) - before
	b.rows++
	b.first, b.last = min(b.first, r.index), max(b.last, r.index)
	b.from, b.to = min(b.from, r.start), max(b.to, r.end, r.reply.last, r.wait.time)
	if r.troubled() {
		b.pinned, c.pinNext = true, true
		if n := len(c.blocks); n > 1 {
			c.blocks[n-2].pinned = true
		}
	}
	if b.rows == rowsInBlock {
		s.size -= cap(b.bytes) - len(b.bytes)
		b.bytes = slices.Clip(slices.Clone(b.bytes))
	}
	s.shrink()
}

// shrink gives up the oldest blocks: those that nothing happened in, and if these are not enough the others.
func (s *store) shrink() {
	for round := 0; s.size > s.limit.Limit && round < 2; {
		if s.head == len(s.queue) {
			s.queue, s.head = slices.DeleteFunc(s.queue, func(b *block) bool { return b == nil || b.of == nil }), 0
			round++
			continue
		}
		b := s.queue[s.head]
		if b == nil || b.of == nil || b.pinned && round == 0 {
			s.head++
			continue
		}
		s.drop(b)
		s.queue[s.head] = nil
		s.head++
	}
}

func (s *store) drop(b *block) {
	c := b.of
	s.size -= cap(b.bytes) + blockCost
	s.limit.Hits += int64(b.rows)
	c.dropped += b.rows
	if i := slices.Index(c.blocks, b); i >= 0 {
		c.blocks = slices.Delete(c.blocks, i, i+1)
	}
	*b = block{}
}

// rows returns the rows of a connection with indexes in [from, to), in order.
func (c *conn) rows(from, to int) (rows []row) {
	for _, b := range c.blocks {
		if b.last < from || b.first >= to {
			continue
		}
		b.each(func(r *row) {
			if r.index >= from && r.index < to {
				rows = append(rows, *r)
			}
		})
	}
	slices.SortStableFunc(rows, func(a, b row) int { return cmp.Compare(a.index, b.index) })
	return rows
}

func (c *conn) kept() (n int) {
	for _, b := range c.blocks {
		n += b.rows
	}
	return n
}

// each decodes the rows of a block.
func (b *block) each(see func(*row)) {
	d := rowDecoder{b.bytes}
	for range b.rows {
		r := d.row()
		see(&r)
	}
}
