// Package pool keeps records to be used again.
package pool

// Pool hands out records and takes them back.
type Pool[T any] struct {
	free []*T
	slab []T
}

// Get returns a record as it was put back, or a zero one.
func (p *Pool[T]) Get() *T {
	if n := len(p.free); n > 0 {
		x := p.free[n-1]
		p.free = p.free[:n-1]
		return x
	}
	if len(p.slab) == 0 {
		p.slab = make([]T, 64)
	}
	x := &p.slab[0]
	p.slab = p.slab[1:]
	return x
}

// Put takes a record back.
func (p *Pool[T]) Put(x *T) { p.free = append(p.free, x) }
