package analysis

import (
	"fmt"
	"net/netip"
	"runtime/debug"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// Failure is a panic in the analysis of one connection or in a rule. What is known of the connection up to there stays,
// nothing follows of it; the other connections go on.
type Failure struct {
	Conn           int64 // 0: of no single connection
	Client, Server netip.AddrPort
	Frame          int64 // the packet at which it happened, where known
	File           int32
	Text           string // of the panic, safe to print
	Stack          []byte
}

// maxFailures bounds the failures kept in detail; Summary.Failed counts all.
const maxFailures = 8

// failed marks a connection whose analysis has panicked: Conn.Tag of its remaining segments.
type failed struct{}

// Failures returns the first failures of the run.
func (r *Run) Failures() []Failure { return r.quality.failures }

func (r *Run) failure(f Failure, cause any) {
	r.summary.Failed++
	if len(r.quality.failures) >= maxFailures {
		return
	}
	f.Text, f.Stack = resp.TextOf([]byte(fmt.Sprint(cause))).Short(256), debug.Stack()
	r.quality.failures = append(r.quality.failures, f)
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
			r.discard(s)
		}
		c.Tag = failed{}
	}
	r.failure(f, cause)
}

// discard forgets a session without judging it.
func (r *Run) discard(s *Session) {
	r.live--
	r.judging.Drop(&s.reader)
	if s.caller.Group != nil && !s.Over {
		s.caller.Group.Closed()
	}
	row := ConnSummary{
		ID: s.ID, Client: s.Client, Server: s.Server, First: s.First, Last: s.Last, Start: "syn", End: "cut",
		Protocol: s.Kind.String(), Commands: s.CommandCount, Replies: s.ReplyCount, Policy: client.PolicyUnknown.String(),
		LostBytes: s.Lost[pairing.RoleClient] + s.Lost[pairing.RoleServer],
	}
	if s.Start == reassembly.MidStream {
		row.Start = "midstream"
	}
	r.parted(row)
}

// guarded judges a session outside of the segments of its connection. After a panic the session is not used again.
func (r *Run) guarded(s *Session, judge func()) {
	conn, f := s.Conn, Failure{Conn: s.ID, Client: s.Client, Server: s.Server}
	done := false
	defer func() {
		if done || r.output.yielding {
			return
		}
		if cause := recover(); cause != nil {
			r.failure(f, cause)
			r.discard(s)
			if conn != nil && conn.Tag == s {
				conn.Tag = failed{}
			}
		}
	}()
	judge()
	done = true
}

// guardedly calls what the rules do about an event. A panic of a rule counts as a failure of the connection concerned;
// the rules go on with the next event.
func (r *Run) guardedly(w *watch, e pairing.Event) {
	done := false
	defer func() {
		if done {
			return
		}
		if cause := recover(); cause != nil {
			r.failure(failureAt(e), cause)
		}
	}()
	w.see(e)
	done = true
}

// finished lets a rule report at the end of the run.
func (r *Run) finished(report func(*Run)) {
	defer func() {
		if cause := recover(); cause != nil {
			r.failure(Failure{}, cause)
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
	case *WaitEnded:
		of(e.Session)
		f.Frame = e.Frame
	case *pairing.Oddity:
		of(SessionOf(e.Session))
		f.Frame, f.File = e.Frame, e.File
	case *reader.Desync:
		f.Conn, f.Client, f.Server = e.Conn, e.Client, e.Server
	}
	return f
}
