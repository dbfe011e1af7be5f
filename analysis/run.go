package analysis

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// Run is one pass over a capture: it owns the sessions and what the rooms share.
type Run struct {
	o        Options
	bounds   bound.Set
	shared   *pairing.Shared
	clients  *client.Registry
	judging  *reader.Judging
	topology *cluster.Topology
	earlier  []*cluster.Stall // of the runs that this one resumes
	links    *pools.Registry
	register *incident.Register
	sessions pairing.Pool[Session]
	live     int // sessions in use
	summary  Summary
	quality  quality
	rows     rows
	output   output
	ticked   capture.Time // of a live run
	forRules bool
}

// output is where events go.
type output struct {
	yield    func(pairing.Event, error) bool
	yielding bool // the consumer has the event
	stopped  bool
	sent     Sent
	answered Answered
	control  Control
}

// rows are the lines of the conns command.
type rows struct {
	keep bool
	all  []*ConnSummary
	last ConnSummary // emitted last, where rows are not kept
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
	r := &Run{}
	if o != nil {
		r.o = *o
	}
	if r.o.MaxExamples == 0 {
		r.o.MaxExamples = 5
	}
	p := parameters(r.o.Params)
	r.shared = pairing.NewShared(r.o.Ports, r.o.ShowValues, &r.bounds)
	r.clients = client.NewRegistry(client.Given{ReadTimeouts: r.o.ReadTimeouts, Policies: r.o.Policies}, client.Parameters{
		MinGap: p.duration("rs101.min_gap"), Slack: p.duration("rs102.slack"), TimeoutSamples: p.number("rs102.min_timeout_samples"),
	})
	r.judging = reader.NewJudging(reader.JudgingOptions{
		Live: r.o.Live, Print: pairing.Printer{MaskKeys: r.o.MaskKeys, ShowValues: r.o.ShowValues}, ReadTimeout: r.clients.GivenTimeout,
	}, r, &r.bounds)
	r.links = pools.NewRegistry(pools.RegistryOptions{
		Bounds: &r.bounds, ClusterWidth: p.duration("rs202.cluster_width"),
		Span: func() (start, end capture.Time) { return r.summary.First, r.summary.Last },
	})
	r.topology = cluster.NewTopology(cluster.ClusterOptions{
		StallMin: p.duration("rs401.stall_min"), AskFollow: p.duration("rs306.follow_window"), Lossy: r.o.Drops > 0,
		Emit: func(e *cluster.Redirected) { r.emit(e) },
	}, &r.bounds)
	r.register = r.newRegister()
	return r
}

// parameters are the parameters of rules as the user gave them.
type parameters map[string]string

// duration returns a duration above 0, or 0 where none was given.
func (p parameters) duration(name string) time.Duration {
	d, err := time.ParseDuration(p[name])
	if err != nil {
		return 0
	}
	return max(d, 0)
}

// number returns a number above 0, or 0 where none was given.
func (p parameters) number(name string) int {
	n, err := strconv.Atoi(p[name])
	if err != nil {
		return 0
	}
	return max(n, 0)
}

// Events turns segments into events. One call a Run.
func Events(segments iter.Seq2[*reassembly.Segment, error], o *Options) iter.Seq2[pairing.Event, error] {
	return NewRun(o).Events(segments)
}

// Events turns segments into events. One call a Run. Read errors are passed on in their place; they do not end the
// stream.
func (r *Run) Events(segments iter.Seq2[*reassembly.Segment, error]) iter.Seq2[pairing.Event, error] {
	return func(yield func(pairing.Event, error) bool) {
		r.output.yield = yield
		// Called, not ranged over: what the compiler puts around the body of a loop costs 35 instructions a command.
		segments(func(seg *reassembly.Segment, err error) bool {
			if err != nil {
				r.output.stopped = r.output.stopped || !yield(nil, err)
			} else {
				r.take(seg)
			}
			return !r.output.stopped
		})
		if !r.output.stopped {
			r.finish()
		}
	}
}

// take takes a segment. A panic ends the analysis of its connection only. Panics of the consumer of the events are not
// caught here: they must pass through the iterator.
func (r *Run) take(seg *reassembly.Segment) {
	done := false
	defer func() {
		if done || r.output.yielding {
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
		plain := pairing.PlainSegment(seg)
		s.topo.Segment(seg, plain)
		s.segment(seg, plain)
	}
	done = true
}

// meet begins the session of a connection, or returns nil where the segment says nothing that makes it worth one.
func (r *Run) meet(seg *reassembly.Segment) *Session {
	if seg.End != reassembly.NotEnded || !r.admits(seg) {
		return nil
	}
	s := r.sessions.Get()
	r.live++
	s.begin(r, seg)
	s.topo.Begin(r.topology, &s.Session)
	seg.Conn.Tag = s
	if seg.Flags&reassembly.SYN != 0 && seg.Flags&reassembly.ACK == 0 {
		r.clients.Reopened(&s.Session, seg.Time)
		s.topo.Connecting(seg.Time)
	}
	r.emit(&Opened{s, seg})
	return s
}

// finish judges what still waits: now everything is known that will ever be.
func (r *Run) finish() {
	r.topology.Finish()
	r.judging.Finish(r.summary.Last)
	slices.SortFunc(r.rows.all, func(a, b *ConnSummary) int { return cmp.Compare(a.ID, b.ID) })
}

func (r *Run) emit(e pairing.Event) {
	if r.output.stopped {
		return
	}
	r.output.yielding = true
	r.output.stopped = !r.output.yield(e, nil)
	r.output.yielding = false
}

// Summary returns the counts so far.
func (r *Run) Summary() Summary {
	s := r.summary
	s.Abandoned += r.judging.Abandoned
	s.Unsaid += r.judging.Suppressed + r.register.Suppressed()
	for _, b := range r.bounds.Reached() {
		if b.Loses == bound.Evidence {
			s.Capped += b.Hits
		}
	}
	return s
}

// Links returns the links seen so far, in order of client and server.
func (r *Run) Links() []*pools.Link { return r.links.Links() }

// Bounds returns the limits on what the run keeps. Rules add theirs.
func (r *Run) Bounds() *bound.Set { return &r.bounds }

// Topology returns what is known of servers and clusters.
func (r *Run) Topology() *cluster.Topology { return r.topology }

// ended takes leave of a connection.
func (r *Run) ended(s *Session) {
	switch s.Kind {
	case pairing.TLS:
		r.summary.Encrypted++
	case pairing.Unparsed:
		r.summary.Unparsed++
	case pairing.Replication:
		r.summary.Replication++
	}
	if s.caller.Group != nil {
		s.caller.Group.Closed()
	}
	if _, only := s.OnlySide(); only {
		r.summary.OneSided++
	}
	r.emit(&Ended{s})
}

// ForRules says, before the events begin, that Detect is all that they are for: commands, replies and exchanges that no
// rule can ask for are not told. It saves a tenth of the time on small commands.
func (r *Run) ForRules() { r.forRules = true }

// KeepConns asks for Conns, before the events begin.
func (r *Run) KeepConns() {
	r.rows.keep = true
	r.register.KeepMarks()
}

// Conns returns all connections in order of their numbers, once the events are over and the rules have reported.
func (r *Run) Conns() []*ConnSummary {
	for _, c := range r.rows.all {
		c.Findings = r.register.Marks(c.ID)
		if c.group != nil {
			c.complete(r)
		}
	}
	return r.rows.all
}

// File names a capture file for evidence.
func (r *Run) File(file int32) string {
	if r.o.FileName == nil {
		return ""
	}
	return r.o.FileName(file)
}
