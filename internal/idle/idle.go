// Package idle lists things that nothing uses at present, the one that has been so for longest first: what gives way at a
// bound.
package idle

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Rest is how long a live run keeps what it knows of a client that nothing is seen of. What it keeps must not depend on how
// long it runs: else memory grows for as long as a table fills, and that is hours where clients come and go slowly. A program
// that had no connection for so long is over, or begins anew as far as can be told.
const Rest = 10 * time.Minute

// List is such a list. It allocates nothing: each thing holds its own Place.
type List[T any] struct {
	first, last *Place[T]
	now         capture.Time // of the latest Tick; 0: there was none, and nothing rests
}

// Place is where a thing stands in its List, if it is on it. The zero value is not.
type Place[T any] struct {
	of            *T
	before, after *Place[T]
	since         capture.Time
}

// Add lists a thing last, if it is not on the list yet. p is its place.
func (l *List[T]) Add(thing *T, p *Place[T]) {
	if p.of != nil {
		return
	}
	p.of, p.before, p.since = thing, l.last, l.now
	if l.last != nil {
		l.last.after = p
	} else {
		l.first = p
	}
	l.last = p
}

// Remove takes the thing whose place is p off the list, if it is on it.
func (l *List[T]) Remove(p *Place[T]) {
	if p.of == nil {
		return
	}
	if p.before != nil {
		p.before.after = p.after
	} else {
		l.first = p.after
	}
	if p.after != nil {
		p.after.before = p.before
	} else {
		l.last = p.before
	}
	*p = Place[T]{}
}

// First returns what has been idle for longest, and nil of an empty list.
func (l *List[T]) First() *T {
	if l.first == nil {
		return nil
	}
	return l.first.of
}

// Tick says what time it is in a live run, and calls forget with each thing that has been idle for Rest, which is on the list
// no more: forget may list it anew. Without ticks nothing rests.
func (l *List[T]) Tick(now capture.Time, forget func(*T)) {
	if l.now == 0 {
		for p := l.first; p != nil; p = p.after {
			p.since = now
		}
	}
	for l.now = max(l.now, now); l.first != nil && l.now.Sub(l.first.since) >= Rest; {
		thing := l.first.of
		l.Remove(l.first)
		forget(thing)
	}
}
