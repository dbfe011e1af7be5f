package incident

import "slices"

// liveGroup is what a live run remembers of a group.
type liveGroup struct {
	open    map[int64]*contribution // of open connections
	goingOn int                     // of them, those on which the fault goes on
	changed bool                    // since it was last looked at
	counted int                     // occurrences that the rule's count has
	telling telling
	latest  *Example // its latest occurrence
}

// contribution is what the latest report of an open connection has added to a group. One report may add several
// occurrences.
type contribution struct {
	serial            int64
	goesOn            bool
	count             int
	victims, commands map[string]int
}

// replace takes back what an earlier report of the connection had added, before o takes its place. It returns where to note
// what o adds; nil where nothing will replace it.
func (g *FindingGroup) replace(reg *Register, o *Occurrence) *contribution {
	if !reg.o.Live {
		return nil
	}
	reg.touch(g)
	r := &reg.reporting
	if o.Conn == 0 || o.Conn != r.conn {
		return nil
	}
	now := g.live.open[o.Conn]
	if now != nil && now.serial != r.serial {
		g.takeBack(o.Conn, now)
		delete(g.live.open, o.Conn)
		if now.goesOn {
			g.live.goingOn--
			g.live.telling.over(r)
		}
		now = nil
	}
	if !r.open {
		return nil // the last report: nothing replaces it
	}
	if now == nil {
		now = &contribution{serial: r.serial, goesOn: r.goesOn, victims: map[string]int{}, commands: map[string]int{}}
		if g.live.open == nil {
			g.live.open = map[int64]*contribution{}
		}
		g.live.open[o.Conn] = now
		if now.goesOn {
			g.live.goingOn++
		}
	}
	return now
}

// takeBack removes what one report of a connection has added: its counts and examples.
func (g *FindingGroup) takeBack(conn int64, was *contribution) {
	g.f.Count -= was.count
	if at, known := g.conns[conn]; known {
		for _, n := range was.victims {
			at.calls -= n
		}
		g.conns[conn] = at
	}
	subtract(g.victims, was.victims)
	subtract(g.commands, was.commands)
	g.examples = slices.DeleteFunc(g.examples, func(e ranked) bool { return e.serial == was.serial })
}

func subtract(from, what map[string]int) {
	for k, n := range what {
		if from[k] -= n; from[k] <= 0 {
			delete(from, k)
		}
	}
}
