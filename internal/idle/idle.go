// Package idle lists things that nothing uses at present, the one that has been so for longest first: what gives way at a
// bound.
package idle

// List is such a list. It allocates nothing: each thing holds its own Place.
type List[T any] struct{ first, last *Place[T] }

// Place is where a thing stands in its List, if it is on it. The zero value is not.
type Place[T any] struct {
	of            *T
	before, after *Place[T]
}

// Add lists a thing last, if it is not on the list yet. p is its place.
func (l *List[T]) Add(thing *T, p *Place[T]) {
	if p.of != nil {
		return
	}
	p.of, p.before = thing, l.last
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
