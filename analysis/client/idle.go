package client

// idleGroups lists the groups without an open connection, the one that closed its last first.
type idleGroups struct{ first, last *Group }

// idleLinks is a group's place in idleGroups.
type idleLinks struct {
	before, after *Group
	listed        bool
}

func (l *idleGroups) push(g *Group) {
	g.idle = idleLinks{before: l.last, listed: true}
	if l.last != nil {
		l.last.idle.after = g
	} else {
		l.first = g
	}
	l.last = g
}

func (l *idleGroups) remove(g *Group) {
	at := g.idle
	if !at.listed {
		return
	}
	if at.before != nil {
		at.before.idle.after = at.after
	} else {
		l.first = at.after
	}
	if at.after != nil {
		at.after.idle.before = at.before
	} else {
		l.last = at.before
	}
	g.idle = idleLinks{}
}

// makeRoom forgets, at the bound, the group that has been without a connection for longest, and its population with its
// last group. Who still judges by one of them keeps it. Groups with open connections are as many as these at most.
func (r *Registry) makeRoom() {
	if len(r.groups) < r.limit.Limit {
		return
	}
	r.limit.Hits++
	g := r.idle.first
	if g == nil {
		return
	}
	r.idle.remove(g)
	delete(r.groups, g.key)
	if g.Pop.groups--; g.Pop.groups == 0 {
		delete(r.Populations, populationKey{g.key.client, g.key.signature})
	}
}
