package analysis

import (
	"fmt"
	"net/netip"
	"runtime/debug"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Failure is a panic in the analysis of one connection or in a rule. What is known of the connection up to there stays,
// nothing follows of it; the other connections go on.
type Failure struct {
	Conn           int64  // 0: of no single connection
	Rule           string // of a rule that could not begin; what it would have found is missing
	Client, Server netip.AddrPort
	Frame          int64 // the packet at which it happened, where known
	File           int32
	Text           string // of the panic, safe to print
	Stack          []byte
}

// maxFailures is how many failures are kept in detail; Summary.Failed counts all.
const maxFailures = 8

// failed marks a connection whose analysis has panicked: Conn.Tag of its remaining segments.
type failed struct{}

// failures are those of a run, and of the runs that it resumes.
type failures struct {
	first []Failure
	count int64
	limit *bound.Bound // of first
}

func newFailures(set *bound.Set) failures {
	return failures{limit: set.New(bound.Bound{
		Name: "failures in detail", Limit: maxFailures, Hides: "where further ones happened; their number is in quality.failed", Loses: bound.Detail,
	})}
}

// Failures returns the first failures of the run.
func (fs *failures) Failures() []Failure { return fs.first }

func (fs *failures) add(f Failure, cause any) {
	fs.count++
	if !fs.limit.Admits(len(fs.first)) {
		return
	}
	f.Text, f.Stack = resp.TextOf([]byte(fmt.Sprint(cause))).Short(256), debug.Stack()
	fs.first = append(fs.first, f)
}

// discard makes run r forget a session without judging it. The session may be in any state: s.run is not trusted.
func (s *Session) discard(r *Run) {
	r.live--
	r.judging.Drop(&s.reader)
	if !s.Over {
		r.clients.Closed(s.caller.Pop)
	}
	row := ConnSummary{
		ID: s.ID, Client: s.Client, Server: s.Server, First: s.First, Last: s.Last, File: s.File, Start: "syn", End: "cut",
		Protocol: s.Kind.String(), Commands: s.CommandCount, Replies: s.ReplyCount, Policy: client.PolicyUnknown.String(),
		LostBytes: s.Lost[pairing.RoleClient] + s.Lost[pairing.RoleServer],
	}
	if s.Start == reassembly.MidStream {
		row.Start = "midstream"
	}
	r.closed(row)
}

// guarded judges a session outside of the segments of its connection. After a panic the session is not used again; it may
// be in any state.
func (s *Session) guarded(r *Run, judge func()) {
	conn, f := s.Conn, Failure{Conn: s.ID, Client: s.Client, Server: s.Server}
	done := false
	defer func() {
		if done || r.output.yielding {
			return
		}
		if cause := recover(); cause != nil {
			r.failures.add(f, cause)
			s.discard(r)
			if conn != nil && conn.Tag == s {
				conn.Tag = failed{}
			}
		}
	}()
	judge()
	done = true
}

// begin lets a rule begin. A rule that panics in it is given up: it sees no event.
func (fs *failures) begin(w *watch, d *Detector, r *Reporter) {
	defer func() {
		if cause := recover(); cause != nil {
			fs.add(Failure{Rule: d.ID}, cause)
		}
	}()
	w.add(d.Begin(r))
}

// show calls what the rules do about an event. A panic of one counts as a failure of the connection concerned; the other
// rules see the event, and the one that panicked goes on with the next.
func (fs *failures) show(w *watch, e pairing.Event) {
	w.called = 0
	for !fs.guarded(w, e) {
	}
}

func (fs *failures) guarded(w *watch, e pairing.Event) (done bool) {
	defer func() {
		if done {
			return
		}
		if cause := recover(); cause != nil {
			fs.add(failureAt(e), cause)
		}
	}()
	w.see(e)
	return true
}

// finished lets a rule report at the end of the run.
func (fs *failures) finished(report func(*Run), r *Run) {
	defer func() {
		if cause := recover(); cause != nil {
			fs.add(Failure{}, cause)
		}
	}()
	report(r)
}

// failureAt says what an event is about.
func failureAt(e pairing.Event) (f Failure) {
	of := func(s *Session) {
		if s != nil {
			f.Conn, f.Client, f.Server = s.ID, s.Client, s.Server
		}
	}
	switch e := e.(type) {
	case *pairing.Exchange:
		of(SessionOf(e.Session))
		f.Frame, f.File = e.Frame, e.File
	case *Sent:
		of(e.Session)
		f.Frame, f.File = e.Exchange.Frame, e.Exchange.File
	case *Answered:
		of(e.Session)
		f.Frame, f.File = e.Exchange.Serves.Frame, e.Exchange.Serves.File
	case *Opened:
		of(e.Session)
		f.Frame, f.File = e.Segment.Frame, e.Segment.File
	case *Control:
		of(e.Session)
		f.Frame, f.File = e.Segment.Frame, e.Segment.File
	case *Ended:
		of(e.Session)
	case *ConnSummary:
		f.Conn, f.Client, f.Server = e.ID, e.Client, e.Server
	case *BlockedBehind:
		of(e.Session)
	case *WaitEnded:
		of(e.Session)
		f.Frame = e.Frame
	case *pairing.Oddity:
		of(SessionOf(e.Session))
		f.Frame, f.File = e.Frame, e.File
	case *desync.Desync:
		f.Conn, f.Client, f.Server = e.Conn, e.Client, e.Server
	}
	return f
}
