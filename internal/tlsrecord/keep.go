package tlsrecord

import (
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/keylog"
)

// kept says which secrets opened which connection, for those who ask for them.
type kept struct {
	max *bound.Bound
	by  map[int64]opener // by number of the connection
}

// opener is what opened a connection: the lines under a random, or a session that it resumed.
type opener struct {
	random keylog.Random
	master []byte
}

// maxKept is of how many connections that is known, at some 100 bytes each.
const maxKept = 1 << 16

// Keep makes the stage, which has not begun, know what opened each connection.
func (s *Stage) Keep(bounds *bound.Set) {
	s.opened = &kept{by: map[int64]opener{}, max: bounds.New(bound.Bound{
		Name: "connections whose secrets can be written", Limit: bounds.Scaled(maxKept), Loses: bound.Detail, Hides: "the secrets of further connections",
	})}
}

// add notes what opens a connection.
func (k *kept) add(conn int64, o opener) {
	if k != nil && k.max.Admits(len(k.by)) {
		k.by[conn] = o
	}
}

// Secrets returns the lines of a key log that open connections, by their numbers.
func (s *Stage) Secrets(conns []int64) (lines []byte) {
	if s.opened == nil {
		return nil
	}
	for _, id := range conns {
		switch o, ok := s.opened.by[id]; {
		case !ok:
		case o.master != nil:
			lines = append(lines, keylog.Session(o.random, o.master)...)
		default:
			lines = append(lines, s.keys.Lines(o.random)...)
		}
	}
	return lines
}
