package analysis

import (
	"cmp"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"github.com/respsniff/respsniff/capture"
)

// Detector is one rule: a documented value that knows how to watch a run.
type Detector struct {
	ID       string // "RS101"
	Name     string // "dirty-reuse"
	Summary  string // one line
	Severity Severity
	Since    string // version that first had it
	Page     string // Markdown
	Params   []Param
	// Begin starts a watch over one run. What it returns is called for the events it names, in their order.
	Begin func(*Reporter) Hooks
}

// Param is a parameter of a rule, set by the flag --<id>.<name>.
type Param struct {
	Name, Default, Meaning string
}

// Hooks are what a rule wants to see; nil for what it does not. There is none for commands and replies that are as they
// should be: of a million there are a few that a rule can use, and telling all of them is a tenth of all the work on small
// commands.
type Hooks struct {
	Opened   func(*Opened)
	Control  func(*Control)
	Ended    func(*Ended)
	Error    func(*Answered) // error replies
	Redirect func(*Redirected)
	Odd      func(*Answered) // replies that cannot answer their command
	Troubled func(*Exchange) // commands that a caller gave up, and all of connections on which the client repeated bytes
	Waited   func(*WaitEnded)
	Oddity   func(*Oddity)
	Aligned  func(*Alignment) // replies did not fit their commands in order
	Desync   func(*Desync)
	Shared   func(*SharedUse)
	Blocked  func(*BlockGivenUp)
	Finish   func(*Run) // the run is over; last chance to report
}

// Occurrence is one instance of a rule's fault.
type Occurrence struct {
	Client     netip.AddrPort
	Server     netip.AddrPort
	Library    string
	Policy     string
	Conn       int64 // 0: concerns no single connection
	Time, Last capture.Time
	Count      int // 0 counts as 1
	Severity   Severity
	Confidence Confidence
	Weakened   bool
	Victims    map[string]int // by what they saw
	Commands   map[string]int // by command
	Notes      []string
	// PerServer false groups all servers of the client into one finding, PerClient false all clients.
	AnyServer, AnyClient bool
	// Subject makes findings of one rule and group distinct: a slot, a node. It enters the fingerprint.
	Subject string
	// Evidence builds the example; it is called only if the example is kept.
	Evidence func() Example
}

// Detect runs the rules over a run's events and yields the findings, worst first, when the events are over. With
// Options.Live it also yields them as they appear, with Early set. Errors of
// the events are passed on as they come. The events must be those of run.
func (r *Run) Detect(events iter.Seq2[Event, error], detectors []*Detector) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		var w watch
		for _, d := range detectors {
			rep := &Reporter{d: d, run: r, groups: map[groupID]*collected{}}
			rep.resume()
			w.add(d.Begin(rep))
			w.reporters = append(w.reporters, rep)
		}
		r.rules = reports{made: w.reporters}
		for e, err := range events {
			if err != nil {
				if !yield(Finding{}, err) {
					return
				}
				continue
			}
			if r.guardedly(&w, e); !r.early(&w, yield) {
				return
			}
		}
		for _, f := range w.finish {
			r.finished(f)
		}
		all := w.findings()
		r.relate(all)
		for _, f := range all {
			if !yield(f, nil) {
				return
			}
		}
	}
}

// watch dispatches events to the hooks that want them.
type watch struct {
	reporters []*Reporter
	opened    []func(*Opened)
	control   []func(*Control)
	ended     []func(*Ended)
	errors    []func(*Answered)
	redirect  []func(*Redirected)
	odd       []func(*Answered)
	troubled  []func(*Exchange)
	waited    []func(*WaitEnded)
	oddity    []func(*Oddity)
	aligned   []func(*Alignment)
	desync    []func(*Desync)
	shared    []func(*SharedUse)
	blocked   []func(*BlockGivenUp)
	finish    []func(*Run)
}

func (w *watch) add(h Hooks) {
	push(&w.opened, h.Opened)
	push(&w.control, h.Control)
	push(&w.ended, h.Ended)
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
	push(&w.finish, h.Finish)
}

func push[E any](list *[]func(E), f func(E)) {
	if f != nil {
		*list = append(*list, f)
	}
}

func each[E any](list []func(E), e E) {
	for _, f := range list {
		f(e)
	}
}

func (w *watch) see(e Event) {
	switch e := e.(type) {
	case *Exchange:
		if e.troubled() {
			each(w.troubled, e)
		}
	case *Answered:
		if e.Exchange.Serves.IsError() {
			each(w.errors, e)
		}
		if e.Contradiction != "" {
			each(w.odd, e)
		}
	case *Redirected:
		each(w.redirect, e)
	case *Opened:
		each(w.opened, e)
	case *Control:
		each(w.control, e)
	case *Ended:
		each(w.ended, e)
	case *WaitEnded:
		each(w.waited, e)
	case *Oddity:
		each(w.oddity, e)
	case *Alignment:
		each(w.aligned, e)
	case *Desync:
		each(w.desync, e)
	case *SharedUse:
		each(w.shared, e)
	case *BlockGivenUp:
		each(w.blocked, e)
	}
}

// findings returns what all rules found: the capture's own faults apart, worst first.
func (w *watch) findings() []Finding {
	var all []Finding
	for _, r := range w.reporters {
		all = append(all, r.findings()...)
	}
	SortFindings(all)
	seen := map[string]int{}
	for i := range all {
		f := &all[i]
		if seen[f.Fingerprint]++; seen[f.Fingerprint] > 1 {
			f.Fingerprint = fmt.Sprintf("%s-%d", f.Fingerprint, seen[f.Fingerprint])
		}
	}
	return all
}

// SortFindings puts findings in the order of reports: worst first, then surest, then earliest.
func SortFindings(all []Finding) {
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(b.Severity, a.Severity), cmp.Compare(b.Confidence, a.Confidence),
			cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.First, b.First), cmp.Compare(a.Fingerprint, b.Fingerprint),
		)
	})
}
