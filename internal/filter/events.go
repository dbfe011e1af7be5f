package filter

import (
	"iter"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/report"
)

// Events passes on the events of the connections that are wanted.
func (f *Filter) Events(events iter.Seq2[pairing.Event, error]) iter.Seq2[pairing.Event, error] {
	if !f.ChoosesConnections() {
		return events
	}
	return func(yield func(pairing.Event, error) bool) {
		for event, err := range events {
			if err == nil && !f.event(event) {
				continue
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// event reports whether an event is of a wanted connection, or of none.
func (f *Filter) event(event pairing.Event) bool {
	var s *pairing.Identity
	switch e := event.(type) {
	case *analysis.ConnSummary:
		if !f.choose(e.ID, e.Client, e.Server) {
			f.left.Connections++
			f.left.Commands += int64(e.Commands)
			return false
		}
		return true
	case *desync.Desync:
		return f.Connection(e.Conn, e.Client, e.Server)
	case *pairing.Exchange:
		return f.choose(e.Session.ID, e.Session.Client, e.Session.Server)
	case *analysis.Opened:
		s = &e.Session.Identity
	case *analysis.Control:
		s = &e.Session.Identity
	case *analysis.Ended:
		s = &e.Session.Identity
	case *analysis.WaitEnded:
		s = &e.Session.Identity
	case *analysis.Sent:
		s = &e.Session.Identity
	case *analysis.Answered:
		s = &e.Session.Identity
	case *pairing.Oddity:
		s = &e.Session.Identity
	case *pairing.Alignment:
		s = &e.Session.Identity
	case *desync.SharedUse:
		s = &e.Session.Identity
	case *desync.BlockGivenUp:
		s = &e.Session.Identity
	case *cluster.Redirected:
		s = &e.Session.Identity
	}
	return s == nil || f.Connection(s.ID, s.Client, s.Server)
}

// Matches notes whether a filter of commands, keys or times chooses any command.
type Matches struct {
	Any    bool
	filter *Filter
}

// Matches returns what is to see the events of a run.
func (f *Filter) Matches() *Matches { return &Matches{filter: f} }

// See takes an event.
func (m *Matches) See(event pairing.Event) {
	e, ok := event.(*pairing.Exchange)
	if !ok || m.Any {
		return
	}
	if m.filter.Begin(e.Time) != nil {
		return // said when the run is over
	}
	m.Any = m.filter.Exchange(report.SentName(e), report.Printable(string(e.Key.Raw())), e.Time)
}
