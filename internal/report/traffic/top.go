package traffic

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/internal/report"
)

// top keeps the n items of a stream that are greatest by a measure, greatest first, and of equal ones the earliest.
type top[T any] struct {
	n       int
	measure func(*T) int64
	items   []T
}

// takes reports whether an item of that measure would be kept.
func (t *top[T]) takes(measure int64) bool {
	return len(t.items) < t.n || measure > t.measure(&t.items[t.n-1])
}

func (t *top[T]) add(item T) {
	m := t.measure(&item)
	if !t.takes(m) {
		return
	}
	at, _ := slices.BinarySearchFunc(t.items, m, func(x T, m int64) int {
		if t.measure(&x) >= m {
			return -1
		}
		return 1
	})
	if len(t.items) == t.n {
		t.items = t.items[:t.n-1]
	}
	t.items = slices.Insert(t.items, at, item)
}

// Large is a command or a reply of many bytes.
type Large struct {
	Bytes   int64
	Reply   bool
	Command string
	Key     string
	Conn    int64
	File    string // "" with one file
	Frame   int64  // of the command or the reply
}

// Slow is a command whose reply took long.
type Slow struct {
	Took           time.Duration // from the end of the command to the first byte of its reply
	Time           report.Stamp
	Command        string
	Key            string
	Conn           int64
	Client, Server string
	File           string // "" with one file
	Frame          int64  // of the command
}

func newLargest() top[Large] {
	return top[Large]{n: maxLargest, measure: func(l *Large) int64 { return l.Bytes }}
}

func newSlowest() top[Slow] {
	return top[Slow]{n: maxSlowest, measure: func(s *Slow) int64 { return int64(s.Took) }}
}
