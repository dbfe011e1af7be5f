package analysis

import (
	"net/netip"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// reconnectWithin is how soon after a close a new connection replaces the old one.
const reconnectWithin = 5 * time.Millisecond

// recentCloses remembers the latest closes of connections on which a command had overtaken a reply: a pool that looks
// for unread bytes replaces such a connection at once.
type recentCloses struct {
	ring [8]struct {
		client netip.Addr
		server netip.AddrPort
		at     capture.Time
		pop    *Population
	}
	next int
}

func (r *Run) clientClosed(s *Session, at capture.Time) {
	if !s.overtaken || s.pending.len() > 0 || s.mode.quit {
		return
	}
	e := &r.closes.ring[r.closes.next%len(r.closes.ring)]
	r.closes.next++
	e.client, e.server, e.at, e.pop = s.Client.Addr(), s.Server, at, s.group.pop
}

// reopened looks whether a new connection replaces one that was closed because of unread bytes.
func (r *Run) reopened(s *Session, at capture.Time) {
	for i := range r.closes.ring {
		e := &r.closes.ring[i]
		if e.pop != nil && e.client == s.Client.Addr() && e.server == s.Server {
			if d := at.Sub(e.at); d >= 0 && d <= reconnectWithin {
				e.pop.heals++
				e.pop = nil
			}
		}
	}
}

// library returns what is known of the population's library.
func (p *Population) library() Library {
	if p.Library.Name == "" && p.jedis > 0 {
		return Library{Name: "jedis", Policy: PolicyLockstep, Guessed: true}
	}
	if p.Library.Name == "" && p.heals > 0 {
		return Library{Name: "redis-py", Policy: PolicyLockstep, Cancels: true, Guessed: true}
	}
	return p.Library
}

// retire takes leave of a session that is over and judged.
func (r *Run) retire(s *Session) {
	s.forget()
	if s.desync != nil {
		s.desync.Session, s.desync.Open = s, false
		r.kept -= len(s.desync.Abandoned)
		r.lostPlace(s.desync)
		r.tellDesync(s)
	}
	r.parted(s.summary())
	r.live--
	r.sessions.put(s)
}

// parted tells that a connection is over and judged. The row is kept only for those who asked for it: a row for each of a
// million short connections is garbage that doubles the memory of a run.
func (r *Run) parted(row ConnSummary) {
	kept := &r.row
	if r.keepConns {
		kept = new(ConnSummary)
		r.conns = append(r.conns, kept)
	}
	*kept = row
	r.emit(kept)
}

// summary makes the row of the conns command.
func (s *Session) summary() ConnSummary {
	c := ConnSummary{
		ID: s.ID, Client: s.Client, Server: s.Server, First: s.First, Last: s.Last, Start: "syn", End: "open",
		Protocol: s.Kind.String(), RoleBy: s.RoleBy.String(), Commands: s.commands, Replies: s.replies,
		Dirty: s.dirty, Behind: s.behind, LostBytes: s.Lost[0] + s.Lost[1],
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
	if s.group != nil {
		c.group = s.group
		c.Policy = s.policyWord(s.stance())
	}
	return c
}

// complete fills in what only the whole run knows.
func (c *ConnSummary) complete(r *Run) {
	lib := c.group.pop.library()
	c.Library, c.Version = lib.Name, lib.Version
	s := Session{run: r, Client: c.Client, group: c.group}
	c.Policy = s.policyWord(s.stance())
	if ts := c.group.pop.estimate(); len(ts.Values) > 0 {
		c.ReadTimeout = ts.Values[0].T
	}
	if t, ok := r.givenTimeout(c.Client.Addr()); ok {
		c.ReadTimeout = t
	}
}

// policyWord names the policy: a lockstep client that also writes batches is said to pipeline.
func (s *Session) policyWord(st Stance) string {
	if st.Policy == PolicyLockstep && s.group.pipelined*20 > s.group.sends {
		return PolicyPipelines.String()
	}
	return st.Policy.String()
}
