package analysis

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Run is one pass over a capture: it owns the sessions, the groups and the memory they share.
type Run struct {
	o           Options
	knobs       knobs
	sessions    pool[Session]
	exchanges   pool[Exchange]
	groups      map[groupKey]*Group
	populations map[populationKey]*Population
	waiting     []*Session // sessions with exchanges that wait for judgement
	final       bool
	capped      int // sessions judged early because the evidence kept for them was at its bound
	logged      int // exchanges alive
	relieveAt   int // how many there must be before all sessions are judged early again
	stopped     bool
	owed        []*Exchange // scratch of lazyWrites
	without     ablation
	topology    topology
	stalls      []*Stall
	waiters     []waiter // scratch of silence
	tale        tale
	yield       func(Event, error) bool
	ports       map[uint16]bool
	summary     Summary
	request     resp.Request
	reply       resp.Reply
	info        ReplyInfo
	closes      recentCloses
	conns       []*ConnSummary
	row         ConnSummary // told last, where rows are not kept
	keepConns   bool
	forRules    bool
	longWay     bool // for tests: no segment takes the short way
	sent        Sent
	answered    Answered
	control     Control
	marks       map[int64][]string // rules by connection, for the conns command
	bounds      bound.Set
	links       *Registry
	ticked      capture.Time // of a live run
	speaking    *Desync      // being told of
	news        bool         // some finding changed
	quality     quality
	kept        int  // abandonments of open connections
	live        int  // sessions in use
	yielding    bool // the consumer has the event
}

// Summary counts what a run has seen.
type Summary struct {
	Connections int64 // all TCP connections
	RESP        int64 // of these, with Redis traffic
	Encrypted   int64
	Unparsed    int64
	Replication int64
	MidStream   int64 // RESP connections without a SYN
	OneSided    int64
	Commands    int64
	Replies     int64
	Pushes      int64
	First, Last capture.Time
	Abandoned   int64 // callers that gave up, on connections of any policy
	Unsaid      int64 // observations too weak to be printed
	Capped      int64 // times that a bound of evidence was reached
	Unheld      int64 // connections of which only a SYN was seen while too many were open
	Failed      int64 // connections whose analysis panicked, and panics of rules
}

// NewRun prepares a pass.
func NewRun(o *Options) *Run {
	r := &Run{groups: map[groupKey]*Group{}, populations: map[populationKey]*Population{}, ports: map[uint16]bool{}}
	if o != nil {
		r.o = *o
	}
	if r.o.MaxExamples == 0 {
		r.o.MaxExamples = 5
	}
	r.knobs = knobsOf(r.o.Params)
	for _, p := range r.o.Ports {
		r.ports[p] = true
	}
	r.topology.prepare()
	r.links = r.newRegistry()
	return r
}

// Events turns segments into events. One call a Run.
func Events(segments iter.Seq2[*reassembly.Segment, error], o *Options) iter.Seq2[Event, error] {
	return NewRun(o).Events(segments)
}

// Events turns segments into events. One call a Run. Read errors are passed on in their place; they do not end the
// stream.
func (r *Run) Events(segments iter.Seq2[*reassembly.Segment, error]) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		r.yield = yield
		// Called, not ranged over: what the compiler puts around the body of a loop costs 35 instructions a command.
		segments(func(seg *reassembly.Segment, err error) bool {
			if err != nil {
				r.stopped = r.stopped || !yield(nil, err)
			} else {
				r.take(seg)
			}
			return !r.stopped
		})
		if !r.stopped {
			r.finish()
		}
	}
}

// take takes a segment. A panic ends the analysis of its connection only. Panics of the consumer of the events are not
// caught here: they must pass through the iterator.
func (r *Run) take(seg *reassembly.Segment) {
	done := false
	defer func() {
		if done || r.yielding {
			return
		}
		if cause := recover(); cause != nil {
			r.abandon(seg, cause)
		}
	}()
	s, _ := seg.Conn.Tag.(*Session)
	if s == nil {
		s = r.meet(seg)
	}
	if s != nil {
		if sum := &r.summary; seg.Time > sum.Last && sum.First != 0 {
			sum.Last = seg.Time
		} else if sum.First == 0 || seg.Time < sum.First {
			sum.First, sum.Last = seg.Time, max(sum.Last, seg.Time)
		}
		plain, short := plainSegment(seg), false
		if !plain {
			r.observe(s, seg)
		} else if r.topology.news = max(r.topology.news, seg.Time); seg.Length > 0 {
			if seg.From == s.client {
				short = s.turn == clientsTurn && s.requestAlone(seg)
			} else {
				if n := s.topo.node; n != nil {
					r.alive(s, n, seg)
				}
				short = s.turn == serversTurn && s.replyAlone(seg)
			}
		}
		if !short {
			s.segment(seg, plain)
		}
	}
	done = true
}

// meet begins the session of a connection, or returns nil where the segment says nothing that makes it worth one.
func (r *Run) meet(seg *reassembly.Segment) *Session {
	if seg.End != reassembly.NotEnded || !r.admits(seg) {
		return nil
	}
	s := r.sessions.get()
	r.live++
	s.reset(r, seg.Conn)
	s.hidden.Frame, s.hidden.File = seg.Frame, seg.File
	seg.Conn.Tag = s
	if !s.roleKnown {
		s.decideRole(seg)
	}
	if seg.Flags&reassembly.SYN != 0 && seg.Flags&reassembly.ACK == 0 {
		r.reopened(s, seg.Time)
		r.connecting(s, seg)
	}
	r.emit(&Opened{s, seg})
	return s
}

// plainSegment reports whether a segment is one of nearly all: it carries new bytes, captured whole, or an acknowledgement,
// and nothing else. Asking that once saves asking it in ten places.
func plainSegment(seg *reassembly.Segment) bool {
	return seg.Flags&^reassembly.PSH == reassembly.ACK && seg.End == reassembly.NotEnded && seg.Missing|int64(seg.Repeated) == 0 &&
		seg.Length == len(seg.Payload)
}

// finish judges what still waits: now everything is known that will ever be.
func (r *Run) finish() {
	r.final = true
	r.stillSilent()
	slices.SortFunc(r.waiting, func(a, b *Session) int { return cmp.Compare(a.ID, b.ID) })
	for _, s := range r.waiting {
		if r.stopped {
			return
		}
		r.last(s)
	}
	r.waiting = nil
	slices.SortFunc(r.conns, func(a, b *ConnSummary) int { return cmp.Compare(a.ID, b.ID) })
}

func (r *Run) emit(e Event) {
	if r.stopped {
		return
	}
	r.yielding = true
	r.stopped = !r.yield(e, nil)
	r.yielding = false
}

// Summary returns the counts so far.
func (r *Run) Summary() Summary {
	s := r.summary
	s.Capped = int64(r.capped) + r.evidenceLost()
	return s
}

func (r *Run) serverPort(p uint16) bool { return r.ports[p] }

func (r *Run) givenPolicy(client netip.Addr) (Policy, bool) {
	if p, ok := r.o.Policies[client]; ok {
		return p, true
	}
	p, ok := r.o.Policies[netip.Addr{}]
	return p, ok
}

func (r *Run) givenTimeout(client netip.Addr) (time.Duration, bool) {
	if t, ok := r.o.ReadTimeouts[client]; ok {
		return t, true
	}
	t, ok := r.o.ReadTimeouts[netip.Addr{}]
	return t, ok
}

func (r *Run) newExchange() *Exchange {
	r.logged++
	ex := r.exchanges.get()
	*ex = Exchange{}
	return ex
}

// release gives up one hold on an exchange; the last one returns it to the pool.
func (r *Run) release(ex *Exchange) {
	if ex.refs--; ex.refs <= 0 {
		if r.logged--; r.logged < maxLog {
			r.relieveAt = 0
		}
		r.exchanges.put(ex)
	}
}

// await lists a session whose exchanges wait for judgement.
func (r *Run) await(s *Session) { r.waiting = append(r.waiting, s) }

func (r *Run) unawait(s *Session) {
	for i, w := range r.waiting {
		if w == s {
			last := len(r.waiting) - 1
			r.waiting[i] = r.waiting[last]
			r.waiting = r.waiting[:last]
			return
		}
	}
}

// groupOf finds or makes the group that a session belongs to.
func (r *Run) groupOf(s *Session) *Group {
	h := &s.handshake
	pk := populationKey{s.Client.Addr(), h.signature}
	p := r.populations[pk]
	if p == nil {
		p = &Population{Client: s.Client.Addr(), knobs: &r.knobs}
		r.populations[pk] = p
	}
	if h.named && !p.named {
		p.named, p.Library = true, h.library
	} else if h.library.Name != "" && p.Library.Name == "" {
		p.Library = h.library
	}
	p.async = p.async || h.sentinel
	gk := groupKey{s.Client.Addr(), s.Server, h.signature}
	g := r.groups[gk]
	if g == nil {
		g = &Group{Client: gk.client, Server: gk.server, pop: p}
		r.groups[gk] = g
		p.groups++
	}
	g.opened()
	return g
}

// ended takes leave of a connection.
func (r *Run) ended(s *Session) {
	switch s.Kind {
	case TLS:
		r.summary.Encrypted++
	case Unparsed:
		r.summary.Unparsed++
	case Replication:
		r.summary.Replication++
	}
	if s.group != nil {
		s.group.closed()
	}
	if _, only := s.OnlySide(); only {
		r.summary.OneSided++
	}
	r.emit(&Ended{s})
}

// marked notes that a rule has something to say of a connection.
func (r *Run) marked(conn int64, rule string) {
	if !r.keepConns || conn == 0 {
		return
	}
	if r.marks == nil {
		r.marks = map[int64][]string{}
	}
	if !slices.Contains(r.marks[conn], rule) {
		r.marks[conn] = append(r.marks[conn], rule)
	}
}

// ForRules says, before the events begin, that Detect is all that they are for: commands, replies and exchanges that no
// rule can ask for are not told. It saves a tenth of the time on small commands.
func (r *Run) ForRules() { r.forRules = true }

// KeepConns asks for Conns, before the events begin.
func (r *Run) KeepConns() { r.keepConns = true }

// Conns returns all connections in order of their numbers, once the events are over and the rules have reported.
func (r *Run) Conns() []*ConnSummary {
	for _, c := range r.conns {
		c.Findings = slices.Sorted(slices.Values(r.marks[c.ID]))
		if c.group != nil {
			c.complete(r)
		}
	}
	return r.conns
}

// File names a capture file for evidence.
func (r *Run) File(file int32) string {
	if r.o.FileName == nil {
		return ""
	}
	return r.o.FileName(file)
}
