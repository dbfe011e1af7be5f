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

// touch notes that a group has changed.
func (g *Register) touch(x *FindingGroup) {
	if !x.live.changed {
		x.live.changed = true
		g.changed = append(g.changed, x)
	}
}

// RuleCount is what a rule has found so far that is likely at least. Neither number ever falls.
type RuleCount struct {
	Rule                  string
	Findings, Occurrences int64
}

// Counts returns what each rule of a live run has found, in the order in which the rules began.
func (g *Register) Counts() []RuleCount {
	all := make([]RuleCount, len(g.collectors))
	for i, c := range g.collectors {
		all[i] = c.counts
		all[i].Rule = c.rule.ID
	}
	return all
}

// recount adds to the rule's counts what is new in a group.
func (g *FindingGroup) recount() {
	l := &g.live
	if l.counted == 0 {
		g.of.counts.Findings++
	}
	if n := g.f.Count - l.counted; n > 0 {
		g.of.counts.Occurrences += int64(n)
		l.counted = g.f.Count
	}
}

// OpenIncidents returns how many incidents there are at the moment: those with a finding that goes on, the harmless left
// out. What caused what is found as for a report; nothing of it is kept, since more may come.
func (g *Register) OpenIncidents() int {
	causes := map[*FindingGroup][]*FindingGroup{}
	for _, c := range g.collectors {
		for _, x := range c.all() {
			causes[x] = x.causes
		}
	}
	all := g.Findings()
	open := map[string]bool{}
	all = slices.DeleteFunc(all, func(f Finding) bool {
		x := g.group(&f)
		goesOn := x != nil && x.live.telling.active && f.Severity > Info
		open[f.Fingerprint] = goesOn
		return x == nil
	})
	n := 0
	for _, in := range g.Incidents(all) {
		if slices.ContainsFunc(in.Steps, func(s IncidentStep) bool {
			return s.Role != RoleHarmless && slices.ContainsFunc(s.Findings, func(print string) bool { return open[print] })
		}) {
			n++
		}
	}
	for x, before := range causes {
		x.causes = before
	}
	return n
}
