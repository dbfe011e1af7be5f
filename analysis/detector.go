package analysis

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

// Hooks are what a rule wants to see; nil for what it does not.
type Hooks struct {
	Opened   func(*Opened)
	Control  func(*Control)
	Ended    func(*Ended)
	Sent     func(*Sent)
	Answered func(*Answered) // every reply tied to its command
	Error    func(*Answered) // only error replies
	Redirect func(*Redirected)
	Odd      func(*Answered) // only replies that cannot answer their command
	Exchange func(*Exchange)
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

// Reporter collects the occurrences of one rule and groups them.
type Reporter struct {
	d      *Detector
	run    *Run
	groups map[groupID]*collected
	order  []*collected
	// Title and Remedy make the finding's texts once its numbers are known.
	Title  func(*Finding) string
	Remedy func(*Finding) string
	Notes  func(*Finding) []string
}

// Run returns the run that is watched.
func (r *Reporter) Run() *Run { return r.run }

type groupID struct {
	client  netip.Addr
	server  netip.AddrPort
	subject string
}

type collected struct {
	f     Finding
	conns map[int64]struct{}
	known map[string]bool
	vics  map[string]int
	cmds  map[string]int
	ranks []Confidence

	// Of a live run.
	open    map[int64]contribution // by connection
	told    told
	changed bool
}

// maxConnsCounted bounds the set by which distinct connections of a finding are counted.
const maxConnsCounted = 1 << 16

// maxFindings bounds how many findings one rule may have; occurrences of further groups are counted with the last.
const maxFindings = 1000

// Add takes an occurrence.
func (r *Reporter) Add(o Occurrence) {
	if o.Confidence == Unsaid {
		if r.run.speaking == nil || !r.run.speaking.Open {
			r.run.summary.Unsaid++
		}
		return
	}
	id := groupID{o.Client.Addr(), o.Server, o.Subject}
	if o.AnyServer {
		id.server = netip.AddrPort{}
	}
	if o.AnyClient {
		id.client = netip.Addr{}
	}
	c := r.groups[id]
	if c == nil {
		if len(r.order) >= maxFindings {
			c = r.order[len(r.order)-1]
		} else {
			c = &collected{conns: map[int64]struct{}{}, vics: map[string]int{}, cmds: map[string]int{}, known: map[string]bool{}}
			c.f = Finding{
				Rule: r.d.ID, Name: r.d.Name, Severity: o.Severity, Client: id.client, Server: id.server, First: o.Time, Last: o.Time,
			}
			c.f.Fingerprint = fingerprint(r.d.ID, id)
			r.groups[id] = c
			r.order = append(r.order, c)
		}
	}
	f := &c.f
	r.replaced(c, &o)
	f.Count += max(o.Count, 1)
	f.Severity = max(f.Severity, o.Severity)
	f.Confidence = max(f.Confidence, o.Confidence)
	f.First, f.Last = min(f.First, o.Time), max(f.Last, o.Time, o.Last)
	if o.Weakened {
		f.Weakened = true
		r.run.quality.weaken(r.d.ID)
	}
	if o.Library != "" {
		f.Library = o.Library
	}
	if o.Policy != "" {
		f.Policy = o.Policy
	}
	if o.Conn > 0 && len(c.conns) < maxConnsCounted {
		c.conns[o.Conn] = struct{}{}
	}
	r.run.marked(o.Conn, r.d.ID)
	for k, n := range o.Victims {
		c.vics[k] += n
	}
	for k, n := range o.Commands {
		c.cmds[k] += n
	}
	for _, n := range o.Notes {
		if !c.known[n] && len(c.known) < 8 {
			c.known[n] = true
			f.Notes = append(f.Notes, n)
		}
	}
	if o.Evidence == nil {
		return
	}
	// The examples kept are the surest, of these the earliest.
	at := len(c.ranks)
	for at > 0 && c.ranks[at-1] < o.Confidence {
		at--
	}
	if at >= r.run.o.MaxExamples {
		return
	}
	e := o.Evidence()
	if e.Conn == 0 {
		e.Conn = o.Conn
	}
	if !e.Client.IsValid() {
		e.Client = o.Client
	}
	if !e.Server.IsValid() {
		e.Server = o.Server
	}
	if e.Time == 0 {
		e.Time = o.Time
	}
	if e.Filter == "" {
		e.Filter = r.run.Filter(e.Client, e.Server)
	}
	e.Confidence = o.Confidence
	f.Examples = slices.Insert(f.Examples, at, e)
	c.ranks = slices.Insert(c.ranks, at, o.Confidence)
	if len(f.Examples) > r.run.o.MaxExamples {
		f.Examples = f.Examples[:r.run.o.MaxExamples]
		c.ranks = c.ranks[:r.run.o.MaxExamples]
	}
}

// Empty reports whether nothing has been reported.
func (r *Reporter) Empty() bool { return len(r.order) == 0 }

// fingerprint names a finding so that a second recording of the same fault has the same name: no port, no time.
func fingerprint(rule string, id groupID) string {
	h := sha256.Sum256(fmt.Appendf(nil, "%s|%s|%s|%s", rule, addrText(id.client), addrText(id.server.Addr()), id.subject))
	return rule + "-" + hex.EncodeToString(h[:6])
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// findings completes what was collected.
func (r *Reporter) findings() []Finding {
	out := make([]Finding, 0, len(r.order))
	for _, c := range r.order {
		r.run.tale.seen(c.f.Fingerprint, c.conns)
		out = append(out, r.finding(c))
	}
	return out
}

// finding completes one of them.
func (r *Reporter) finding(c *collected) Finding {
	f := c.f
	f.Connections = len(c.conns)
	f.Victims, f.Commands = tallies(c.vics), tallies(c.cmds)
	if r.Title != nil {
		f.Title = r.Title(&f)
	}
	if f.Title == "" {
		f.Title = r.d.Summary
	}
	if r.Remedy != nil {
		f.Remedy = r.Remedy(&f)
	}
	if r.Notes != nil {
		f.Notes = append(f.Notes[:len(f.Notes):len(f.Notes)], r.Notes(&f)...)
	}
	return f
}

func tallies(m map[string]int) []Tally {
	t := make([]Tally, 0, len(m))
	for k, n := range m {
		t = append(t, Tally{k, n})
	}
	slices.SortFunc(t, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Label, b.Label))
	})
	return t
}

// Filter returns a tshark display filter for the packets between two ends.
func (r *Run) Filter(client, server netip.AddrPort) string {
	if !client.IsValid() {
		return ""
	}
	field := "ip.addr"
	if client.Addr().Is6() && !client.Addr().Is4In6() {
		field = "ipv6.addr"
	}
	if client.Port() == 0 {
		return fmt.Sprintf("%s==%s", field, client.Addr())
	}
	if !server.IsValid() {
		return fmt.Sprintf("%s==%s && tcp.port==%d", field, client.Addr(), client.Port())
	}
	return fmt.Sprintf("%s==%s && tcp.port==%d && tcp.port==%d", field, client.Addr(), client.Port(), server.Port())
}

// Detect runs the rules over a run's events and yields the findings, worst first, when the events are over. With
// Options.Live it also yields them as they appear, with Early set. Errors of
// the events are passed on as they come. The events must be those of run.
func (r *Run) Detect(events iter.Seq2[Event, error], detectors []*Detector) iter.Seq2[Finding, error] {
	return func(yield func(Finding, error) bool) {
		var w watch
		for _, d := range detectors {
			rep := &Reporter{d: d, run: r, groups: map[groupID]*collected{}}
			w.add(d.Begin(rep))
			w.reporters = append(w.reporters, rep)
		}
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
	sent      []func(*Sent)
	answered  []func(*Answered)
	errors    []func(*Answered)
	redirect  []func(*Redirected)
	odd       []func(*Answered)
	exchange  []func(*Exchange)
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
	push(&w.sent, h.Sent)
	push(&w.answered, h.Answered)
	push(&w.errors, h.Error)
	push(&w.redirect, h.Redirect)
	push(&w.odd, h.Odd)
	push(&w.exchange, h.Exchange)
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
		each(w.exchange, e)
	case *Sent:
		each(w.sent, e)
	case *Answered:
		each(w.answered, e)
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
