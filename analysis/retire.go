package analysis

import "github.com/respsniff/respsniff/reassembly"

// retire takes leave of a session that is over and judged.
func (r *Run) retire(s *Session) {
	s.reader.forget()
	if d := s.reader.desync; d != nil {
		d.Session, d.Open = &s.reader, false
		r.judging.kept -= len(d.Abandoned)
		r.lostPlace(d)
		r.reportDesync(s)
	}
	r.parted(s.summary())
	r.live--
	r.sessions.put(s)
}

// parted tells that a connection is over and judged. The row is kept only for those who asked for it: a row for each of a
// million short connections is garbage that doubles the memory of a run.
func (r *Run) parted(row ConnSummary) {
	kept := &r.rows.last
	if r.rows.keep {
		kept = new(ConnSummary)
		r.rows.all = append(r.rows.all, kept)
	}
	*kept = row
	r.emit(kept)
}

// summary makes the row of the conns command.
func (s *Session) summary() ConnSummary {
	c := ConnSummary{
		ID: s.ID, Client: s.Client, Server: s.Server, First: s.First, Last: s.Last, Start: "syn", End: "open",
		Protocol: s.Kind.String(), RoleBy: s.RoleBy.String(), Commands: s.commands, Replies: s.replies,
		Dirty: s.reader.dirty, Behind: s.reader.behind, LostBytes: s.Lost[0] + s.Lost[1],
	}
	if s.Start == reassembly.MidStream {
		c.Start = "midstream"
	}
	switch s.End {
	case reassembly.EndFIN:
		c.End = "fin"
	case reassembly.EndRST:
		c.End = "rst"
	case reassembly.EndReused, reassembly.EndEvicted:
		c.End = "cut"
	}
	c.Policy = PolicyUnknown.String()
	if g := s.caller.group; g != nil {
		c.group = g
		c.Policy = g.policyWord(s.Stance())
	}
	return c
}

// complete fills in what only the whole run knows.
func (c *ConnSummary) complete(r *Run) {
	lib := c.group.pop.library()
	c.Library, c.Version = lib.Name, lib.Version
	c.Policy = c.group.policyWord(r.clients.stanceOf(c.Client.Addr(), c.group, false))
	if ts := c.group.pop.estimate(); len(ts.Values) > 0 {
		c.ReadTimeout = ts.Values[0].T
	}
	if t, ok := r.clients.givenTimeout(c.Client.Addr()); ok {
		c.ReadTimeout = t
	}
}
