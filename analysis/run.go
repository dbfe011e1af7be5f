package analysis

import (
	"iter"
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/databases"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/analysis/sealed"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/pool"
	"github.com/respsniff/respsniff/reassembly"
)

// Run is one pass over a capture: it owns the sessions and what the rooms share.
type Run struct {
	o         Options
	bounds    bound.Set
	shared    *pairing.Shared
	clients   *client.Registry
	judging   *desync.Judging
	topology  *cluster.Topology
	earlier   []*cluster.Stall // of the runs that this one resumes
	links     *pools.Registry
	databases *databases.Registry
	sealed    *sealed.Limits
	sessions  pool.Pool[Session]
	summary   Summary
	rows      rows
	ticked    capture.Time        // of a live run
	told      capture.Time        // when it last emitted a Ticked
	from      func() capture.Time // see Since

	admission
	undecideds
	findings
	quality
	failures
	output
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
	r.bounds.Memory, r.bounds.Live = r.o.Memory, r.o.Live
	r.failures = newFailures(&r.bounds)
	r.halfOpen = r.bounds.New(bound.Bound{
		Name: "connections in memory while another one begins", Limit: r.bounds.Scaled(maxHalfOpen), Loses: bound.Evidence,
		Hides: "connects that were never answered",
	})
	r.undecideds = newUndecideds(&r.bounds)
	p := parameters(r.o.Params)
	r.shared = pairing.NewShared(r.o.Ports, r.o.ShowValues, &r.bounds)
	r.databases = databases.NewRegistry(&r.shared.Known, &r.bounds)
	r.sealed = sealed.NewLimits(&r.bounds)
	r.clients = client.NewRegistry(client.Given{ReadTimeouts: r.o.ReadTimeouts, Policies: r.o.Policies}, &r.bounds)
	r.judging = desync.NewJudging(desync.JudgingOptions{
		Live: r.o.Live, Without: r.o.Without, Print: pairing.Printer{MaskKeys: r.o.MaskKeys, ShowValues: r.o.ShowValues}, ReadTimeout: r.clients.GivenTimeout,
	}, r, &r.bounds)
	r.links = pools.NewRegistry(pools.RegistryOptions{
		Bounds: &r.bounds, ClusterWidth: p.duration("rs202.cluster_width"),
		Span: func() (start, end capture.Time) { return r.summary.First, r.summary.Last },
	})
	r.topology = cluster.NewTopology(cluster.ClusterOptions{
		StallMin: p.duration("rs401.stall_min"), AskFollow: p.duration("rs306.follow_window"), Lossy: r.o.Drops > 0,
		Emit: func(e *cluster.Redirected) { r.emit(e) },
	}, &r.bounds)
	r.findings = findings{printer{r.judging.Print}, newRegister(r)}
	r.drops = capture.Drops{Known: r.o.Drops > 0, Kernel: r.o.Drops, Received: r.o.Seen}
	return r
}

// Events turns segments into events. One call a Run.
func Events(segments iter.Seq2[*reassembly.Segment, error], o *Options) iter.Seq2[pairing.Event, error] {
	return NewRun(o).Events(segments)
}

// Events turns segments into events. One call a Run. Read errors are passed on in their place; they do not end the
// stream.
func (r *Run) Events(segments iter.Seq2[*reassembly.Segment, error]) iter.Seq2[pairing.Event, error] {
	return func(yield func(pairing.Event, error) bool) {
		r.yield = yield
		// Called, not ranged over: what the compiler puts around the body of a loop costs 35 instructions a command.
		segments(r.taker())
		if !r.output.stopped {
			r.finish()
		}
	}
}

// taker returns what takes each segment, or the error of reading one. A panic ends the analysis of its connection only.
// Panics of the consumer of the events are not caught here: they must pass through the iterator.
func (r *Run) taker() func(*reassembly.Segment, error) bool { // no method value, whose wrapper costs 32 instructions a command
	return func(seg *reassembly.Segment, err error) (more bool) {
		if err != nil {
			r.output.stopped = r.output.stopped || !r.yield(nil, err)
			return !r.output.stopped
		}
		more = true
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
			s = r.open(seg)
		}
		if s != nil {
			r.summary.at(seg.Time)
			if len(r.behind) > 0 {
				behindUntil(r, seg)
			}
			s.segment(seg)
		}
		done = true
		return !r.output.stopped
	}
}

// abandon gives up the connection of seg. Its session may be in any state: it is not used again.
func (r *Run) abandon(seg *reassembly.Segment, cause any) {
	f := Failure{Frame: seg.Frame, File: seg.File}
	if c := seg.Conn; c != nil {
		f.Conn, f.Client, f.Server = c.ID, c.Ends[reassembly.A], c.Ends[reassembly.B]
		if s, ok := c.Tag.(*Session); ok {
			if s.RoleKnown {
				f.Client, f.Server = s.Client, s.Server
			}
			s.discard(r)
			r.behind = slices.DeleteFunc(r.behind, func(b *BlockedBehind) bool { return b.Session == s })
		}
		c.Tag = failed{}
	}
	r.failures.add(f, cause)
}

// open begins the session of a connection, or returns nil where the segment says nothing that makes it worth one, or where
// it is not yet known which end is the client.
func (r *Run) open(seg *reassembly.Segment) *Session {
	if u, waits := seg.Conn.Tag.(*openRoles); waits {
		return r.weigh(r, u, seg)
	}
	if seg.End != reassembly.NotEnded || !r.admits(seg, &r.summary) {
		return nil
	}
	side, by := r.shared.Roles(seg.Conn)
	if by == pairing.NoBasis {
		u := &openRoles{}
		seg.Conn.Tag = u
		return r.weigh(r, u, seg)
	}
	return r.begin(seg, side, by)
}

// begin begins the session of a connection whose roles are decided.
func (r *Run) begin(seg *reassembly.Segment, side reassembly.Side, by pairing.Basis) *Session {
	s := r.sessions.Get()
	r.live++
	s.begin(r, seg, side, by)
	s.topo.Begin(r.topology, &s.Session)
	seg.Conn.Tag = s
	if seg.Flags&reassembly.SYN != 0 && seg.Flags&reassembly.ACK == 0 {
		r.clients.Opened(&s.Session, seg.Time)
		s.topo.Connecting(seg.Time)
	}
	r.opened = Opened{s, seg}
	r.emit(&r.opened)
	return s
}

// finish judges what still waits: now everything is known that will ever be.
func (r *Run) finish() {
	r.topology.Finish()
	r.judging.Finish(r.summary.Last)
	r.rows.sort()
}

// Summary returns the counts so far.
func (r *Run) Summary() Summary {
	s := r.summary
	s.Failed = r.failures.count
	s.Abandoned += r.judging.Abandoned
	s.Suppressed += r.judging.Suppressed + r.register.Suppressed()
	return s
}

// Links returns the links seen so far, in order of client and server.
func (r *Run) Links() []*pools.Link { return r.links.Links() }

// Bounds returns the limits on what the run keeps. Rules add theirs.
func (r *Run) Bounds() *bound.Set { return &r.bounds }

// Topology returns what is known of servers and clusters.
func (r *Run) Topology() *cluster.Topology { return r.topology }

// Undecided returns the clients of which something cannot be told, by address, with what would decide it.
func (r *Run) Undecided() []*desync.Undecided { return r.judging.Undecided() }

// Doubts returns what a fault could hide behind in what was seen, when the run is over.
func (r *Run) Doubts() []Doubt { return doubtsOf(r) }

// closed emits that a connection is over and judged.
func (r *Run) closed(row ConnSummary) { r.emit(r.rows.add(row)) }

// KeepConns asks for Conns, before the events begin. Their number is bounded; loses says what the caller lacks without
// those beyond.
func (r *Run) KeepConns(loses bound.Loss) {
	r.rows.keepRows(&r.bounds, loses)
	r.register.KeepMarks()
}

// Conns returns all connections in order of their numbers, once the events are over and the rules have reported.
func (r *Run) Conns() []*ConnSummary {
	for _, c := range r.rows.all {
		c.Findings = r.register.Marks(c.ID)
		if c.pop != nil {
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

// What a run takes over from an earlier one, when a live run gives up its connections because memory is short:
//
//  1. the counts of Summary, and the failures;
//  2. what each rule has reported: its groups, with their counts, connections, victims, notes, examples, and what their
//     titles are made from;
//  3. what ties findings by cause: waits without a reply, connections that lost their place, stalls.
//
// Sessions, client groups and what the rules themselves remember are given up. Everything taken over has a bound, so that
// a run may be resumed again and again.

// Resume makes r, which has not begun, continue an earlier run of the same traffic that is over. Findings are those of
// both: they come again at the end of r, complete. The numbers of connections must go on where before ended.
func (r *Run) Resume(before *Run) {
	r.summary = before.Summary()
	r.failures.first, r.failures.count = before.failures.first, before.failures.count
	r.earlier = r.topology.Inherit(before.topology, before.earlier)
	r.register.Resume(before.register)
}

// Since makes r report only what before has not: before, which is over, has seen the beginning of the traffic of r. from says
// when what is new began; 0: it has not yet. It is to be called before the events begin.
func (r *Run) Since(before *Run, from func() capture.Time) {
	r.from = from
	r.register.Since(before.register, from)
}

// From returns when what is to be reported began; 0: with the first event, or not yet.
func (r *Run) From() capture.Time {
	if r.from == nil {
		return 0
	}
	return r.from()
}
