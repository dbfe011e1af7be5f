package analysis

import (
	"iter"

	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/databases"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
)

// Detector is one rule: a documented value that knows how to watch a run.
type Detector struct {
	ID       string // "RS101"
	Name     string // "dirty-reuse"
	Summary  string // one line
	Severity incident.Severity
	Since    string // version that first had it
	Params   []incident.Param
	CausedBy []incident.Cause  // what its findings can be caused by
	Step     incident.StepText // its findings as a step of an incident
	// Begin starts a watch over one run. What it returns is called for the events it names, in their order.
	Begin func(*Reporter) Hooks
}

// Reporter is what one rule writes to, and where it asks for what the run knows.
type Reporter struct {
	*incident.Collector
	run *Run
}

// Run returns the run that is watched.
func (r *Reporter) Run() *Run { return r.run }

// Hooks are what a rule wants to see; nil for what it does not. There is none for commands and replies that are as they
// should be: of a million there are a few that a rule can use, and telling all of them is a tenth of all the work on small
// commands.
type Hooks struct {
	Opened   func(*Opened)
	Control  func(*Control)
	Ended    func(*Ended)
	Retired  func(*ConnSummary) // a connection is over, and all of it is judged
	Error    func(*Answered)    // error replies
	Redirect func(*cluster.Redirected)
	Odd      func(*Answered)         // replies that cannot answer their command
	Troubled func(*pairing.Exchange) // commands that a caller gave up, and all of connections on which the client repeated bytes
	Waited   func(*WaitEnded)
	Oddity   func(*pairing.Oddity)
	Aligned  func(*pairing.Alignment) // replies did not fit their commands in order
	Desync   func(*desync.Desync)
	Shared   func(*desync.SharedUse)
	Blocked  func(*desync.BlockGivenUp)
	Behind   func(*BlockedBehind)
	Left     func(*databases.Left) // a connection was left in another database
	Finish   func(*Run)            // the run is over; last chance to report
}

// Detect runs the rules over a run's events and yields the findings, worst first, when the events are over. With
// Options.Live it also yields them as they appear, with Early set. Errors of
// the events are passed on as they come. The events must be those of run.
func (r *Run) Detect(events iter.Seq2[pairing.Event, error], detectors []*Detector) iter.Seq2[incident.Finding, error] {
	return func(yield func(incident.Finding, error) bool) {
		var w watch
		for _, d := range detectors {
			r.failures.begin(&w, d, &Reporter{r.register.Begin(d.Rule()), r})
		}
		for e, err := range events {
			if err != nil {
				if !yield(incident.Finding{}, err) {
					return
				}
				continue
			}
			r.failures.show(&w, e)
			if r.o.Live && !r.tell(e, func(f incident.Finding) bool { return yield(f, nil) }) {
				return
			}
		}
		for _, f := range w.finish {
			r.failures.finished(f, r)
		}
		for _, f := range r.register.Findings() {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// tell yields what a live run has to tell of findings after an event.
func (r *Run) tell(e pairing.Event, yield func(incident.Finding) bool) bool {
	now := max(r.summary.Last, r.ticked)
	if !r.register.Early(now, yield) {
		return false
	}
	_, ticked := e.(*Ticked)
	return !ticked || r.register.Tick(now, yield)
}

// watch dispatches events to the hooks that want them.
type watch struct {
	opened   []func(*Opened)
	control  []func(*Control)
	ended    []func(*Ended)
	retired  []func(*ConnSummary)
	errors   []func(*Answered)
	redirect []func(*cluster.Redirected)
	odd      []func(*Answered)
	troubled []func(*pairing.Exchange)
	waited   []func(*WaitEnded)
	oddity   []func(*pairing.Oddity)
	aligned  []func(*pairing.Alignment)
	desync   []func(*desync.Desync)
	shared   []func(*desync.SharedUse)
	blocked  []func(*desync.BlockGivenUp)
	behind   []func(*BlockedBehind)
	left     []func(*databases.Left)
	finish   []func(*Run)
	called   int // hooks called with the event at hand
}

func (w *watch) add(h Hooks) {
	push(&w.opened, h.Opened)
	push(&w.control, h.Control)
	push(&w.ended, h.Ended)
	push(&w.retired, h.Retired)
	push(&w.errors, h.Error)
	push(&w.redirect, h.Redirect)
	push(&w.odd, h.Odd)
	push(&w.troubled, h.Troubled)
	push(&w.waited, h.Waited)
	push(&w.oddity, h.Oddity)
	push(&w.aligned, h.Aligned)
	push(&w.desync, h.Desync)
	push(&w.shared, h.Shared)
	push(&w.blocked, h.Blocked)
	push(&w.behind, h.Behind)
	push(&w.left, h.Left)
	push(&w.finish, h.Finish)
}

func push[E any](list *[]func(E), f func(E)) {
	if f != nil {
		*list = append(*list, f)
	}
}

// each calls those hooks of a list that were not called with the event yet; before are the hooks ahead of the list.
func each[E any](w *watch, before int, list []func(E), e E) {
	for i := max(w.called-before, 0); i < len(list); i++ {
		w.called = before + i + 1
		list[i](e)
	}
}

// see calls the hooks that want an event. After a panic of one, another call goes on behind it.
func (w *watch) see(e pairing.Event) {
	switch e := e.(type) {
	case *pairing.Exchange:
		if e.Troubled() {
			each(w, 0, w.troubled, e)
		}
	case *Answered:
		if e.Exchange.Serves.IsError() {
			each(w, 0, w.errors, e)
		}
		if e.Contradiction != "" {
			each(w, len(w.errors), w.odd, e)
		}
	case *cluster.Redirected:
		each(w, 0, w.redirect, e)
	case *Opened:
		each(w, 0, w.opened, e)
	case *Control:
		each(w, 0, w.control, e)
	case *Ended:
		each(w, 0, w.ended, e)
	case *ConnSummary:
		each(w, 0, w.retired, e)
	case *WaitEnded:
		each(w, 0, w.waited, e)
	case *pairing.Oddity:
		each(w, 0, w.oddity, e)
	case *pairing.Alignment:
		each(w, 0, w.aligned, e)
	case *desync.Desync:
		each(w, 0, w.desync, e)
	case *desync.SharedUse:
		each(w, 0, w.shared, e)
	case *desync.BlockGivenUp:
		each(w, 0, w.blocked, e)
	case *BlockedBehind:
		each(w, 0, w.behind, e)
	case *databases.Left:
		each(w, 0, w.left, e)
	}
}
