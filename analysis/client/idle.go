package client

// idlePopulations lists the populations without an open connection, the one that closed its last first.
type idlePopulations struct{ first, last *Population }

// idleLinks is a population's place in idlePopulations.
type idleLinks struct {
	before, after *Population
	listed        bool
}

func (l *idlePopulations) push(p *Population) {
	p.idle = idleLinks{before: l.last, listed: true}
	if l.last != nil {
		l.last.idle.after = p
	} else {
		l.first = p
	}
	l.last = p
}

func (l *idlePopulations) remove(p *Population) {
	at := p.idle
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
	p.idle = idleLinks{}
}

// makeRoom forgets, at the bound, the population that has been without a connection for longest. Who still judges by it
// keeps it. Populations with open connections are as many as these at most.
func (r *Registry) makeRoom() {
	if len(r.populations) < r.limit.Limit {
		return
	}
	r.limit.Hits++
	p := r.idle.first
	if p == nil {
		return
	}
	r.idle.remove(p)
	delete(r.populations, populationKey{p.Client, p.SetUp})
}
