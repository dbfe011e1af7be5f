package page

import (
	"cmp"
	"fmt"
	"slices"
)

// steps is how many steps of time the whole run has in the time strip; a step is as long as it must be for that.
const steps = 1024

const (
	// maxLanes is how many servers, and how many clients, have a lane of their own in the time strip: those with the most
	// trouble. Others share one.
	maxLanes = 48
	// maxCounted is how many are counted each by itself before that is known, at 8 KiB each at most.
	maxCounted = 1024
)

// lane counts what one server or client did over time.
type lane struct {
	name     string
	commands int64
	trouble  int64
	counts   []uint32 // commands by step
	waits    []uint32 // longest wait for a reply to a command of the step, in microseconds
}

// lanes are the servers or the clients of the time strip.
type lanes struct {
	what  string // "server", "client"
	by    map[string]*lane
	all   []*lane
	other *lane
}

func newLanes(what string) lanes { return lanes{what: what, by: map[string]*lane{}} }

func (l *lanes) of(name string) *lane {
	x := l.by[name]
	switch {
	case x != nil:
	case len(l.all) < maxCounted:
		x = &lane{name: name}
		l.by[name] = x
		l.all = append(l.all, x)
	default:
		if l.other == nil {
			l.other = &lane{name: l.further()}
		}
		x = l.other
	}
	return x
}

// further is the name of the lane that is shared.
func (l *lanes) further() string { return fmt.Sprintf("further %ss", l.what) }

// sorted returns the lanes, those with trouble first, then those with the most commands.
func (l *lanes) sorted() []*lane {
	all := slices.Clone(l.all)
	slices.SortStableFunc(all, func(a, b *lane) int {
		return cmp.Or(cmp.Compare(b.trouble, a.trouble), cmp.Compare(b.commands, a.commands), cmp.Compare(a.name, b.name))
	})
	if l.other != nil {
		all = append(all, l.other)
	}
	return all
}

// clock is the time scale that all lanes have in common: it begins at 0 and grows by doubling its steps.
type clock struct{ width int64 } // of a step, in nanoseconds

// step returns the step of a moment, and makes room for it in the lanes of all.
func (c *clock) step(t int64, all ...*lanes) int {
	c.width = max(c.width, 1000)
	for t/c.width >= steps {
		c.width *= 2
		for _, l := range all {
			for _, x := range append(l.all, l.other) {
				if x != nil {
					x.halve()
				}
			}
		}
	}
	return int(max(t, 0) / c.width)
}

// add counts a command, whose caller waited for so many nanoseconds.
func (l *lane) add(step int, wait int64) {
	if step >= len(l.counts) {
		l.counts = append(l.counts, make([]uint32, step+1-len(l.counts))...)
		l.waits = append(l.waits, make([]uint32, step+1-len(l.waits))...)
	}
	l.counts[step]++
	l.waits[step] = max(l.waits[step], micros(wait))
	l.commands++
}

func micros(wait int64) uint32 { return uint32(min(max(wait, 0)/1000, 1<<32-1)) }

func (l *lane) halve() {
	for i := range l.counts {
		n := l.counts[i]
		l.counts[i] = 0
		l.counts[i/2] += n
		w := l.waits[i]
		l.waits[i] = 0
		l.waits[i/2] = max(l.waits[i/2], w)
	}
	l.counts, l.waits = l.counts[:(len(l.counts)+1)/2], l.waits[:(len(l.waits)+1)/2]
}
