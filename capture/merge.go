package capture

import (
	"fmt"
	"io"
	"math"
)

// merge joins inputs by time. The place of an input is the latest time that it has shown, not the time of its current
// packet: a clock that is set back inside a file does not make the file overtake others, and its order is kept.
type merge struct {
	o       Options
	waiting []*input // not yet opened, by first time
	done    int      // inputs taken from waiting
	open    []opened
	late    bool     // the first of waiting is due and cannot be opened
	batch   []Packet // its capacity is how many packets are yielded at once
	yield   func([]Packet, error) bool
}

type opened struct {
	s     *stream
	index int32 // of its input
}

func (m *merge) run() {
	for m.admit() && len(m.open) > 0 {
		at, limit, before := m.least()
		if !m.drain(at, limit, before) {
			return
		}
	}
}

// admit opens every input that can hold the next packet, maxOpen of them at most. It is false when the caller of
// Packets wants no more.
func (m *merge) admit() bool {
	for m.done < len(m.waiting) {
		late := m.late
		in := m.waiting[m.done]
		if len(m.open) > 0 {
			at, _, _ := m.least()
			if in.known && in.first >= m.open[at].s.runMax {
				return true
			}
			if len(m.open) >= maxOpen {
				m.late = true
				return true
			}
		}
		s, more := in.start(m.o, func(err error) bool { return m.yield(nil, err) })
		if !more {
			return false
		}
		m.late = false
		if late {
			in.info.note(tooManyOpen)
		}
		if s != nil {
			s.cur.File = int32(m.done)
			m.open = append(m.open, opened{s, int32(m.done)})
		}
		m.done++
	}
	return true
}

var tooManyOpen = fmt.Sprintf("more than %d files overlap in time: this one comes later than its time", maxOpen)

// least finds the open input to go on with, and how far: up to and including the time limit if before is false.
func (m *merge) least() (at int, limit Time, before bool) {
	limit = math.MaxInt64
	other := int32(math.MaxInt32)
	for i := 1; i < len(m.open); i++ {
		a, b := &m.open[at], &m.open[i]
		if b.s.runMax < a.s.runMax || b.s.runMax == a.s.runMax && b.index < a.index {
			a, b = b, a
			at = i
		}
		if b.s.runMax < limit || b.s.runMax == limit && b.index < other {
			limit, other = b.s.runMax, b.index
		}
	}
	if m.done < len(m.waiting) && len(m.open) < maxOpen {
		if in := m.waiting[m.done]; in.known && in.first < limit {
			limit, other = in.first, int32(m.done)
		}
	}
	return at, limit, other < m.open[at].index
}

// drain yields the packets of one input until another one is due.
func (m *merge) drain(at int, limit Time, before bool) bool {
	s := m.open[at].s
	plain, _ := s.r.(walker)
	if limit != math.MaxInt64 || before {
		plain = nil
	}
	for {
		for batch := append(m.batch[:0], s.cur); len(batch) > 0; batch = m.batch[:0] {
			if plain != nil {
				batch = plain.walk(s, batch)
			}
			if len(batch) == 0 {
				break
			}
			if !m.yield(batch, nil) {
				return false
			}
		}
		for {
			err := s.advance()
			if err == nil {
				break
			}
			if err == io.EOF {
				s.close()
				m.open = append(m.open[:at], m.open[at+1:]...)
				return true
			}
			if !m.yield(nil, err) {
				return false
			}
		}
		if s.runMax > limit || s.runMax == limit && before {
			return true
		}
	}
}
