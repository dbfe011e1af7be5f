package incident

import (
	"maps"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// Register keeps what all rules of one run report: a Collector a rule, whose occurrences become findings, and what ties
// these by cause. It is used by one goroutine.
type Register struct {
	o            RegisterOptions
	bounds       registerBounds
	collectors   []*Collector          // in the order in which the rules began
	byRule       map[string]*Collector // the same
	earlier      map[string]*Collector // of the run before this one, by rule, until the rule begins
	weakened     map[string]bool       // rules with a gap in the window of an occurrence
	marks        map[int64][]string    // rules by connection; nil: not asked for
	newestMarked int64                 // the greatest number of a connection among them
	suppressed   int64                 // occurrences too weak to be a finding
	kept         int                   // connections of all groups
	reporting    reporting
	teller
	history causeHistory
	since   since
	told    map[string]int // see Told
}

// RegisterOptions say how occurrences become findings.
type RegisterOptions struct {
	MaxExamples int               // a finding
	Live        bool              // findings are asked for while the run goes on
	Quiet       time.Duration     // of a live run: after how long without an occurrence a finding is over; 0: DefaultQuiet
	Params      map[string]string // the rules' parameters, "rs301.share"
	Bounds      *bound.Set        // of the run; nil: of this register alone
	Names       Names
	// StallBehind finds the stall of a server that covers half or more of a wait; nil: none is known.
	StallBehind StallBehind
	// Failed takes what a rule's text panicked with.
	Failed func(cause any)
}

// reporting says whose state is being reported: while an open connection's is, every occurrence of it replaces what its
// last report added.
type reporting struct {
	conn   int64
	open   bool
	goesOn bool  // its callers are behind
	serial int64 // of the report
}

// registerBounds are the limits of what a register keeps.
type registerBounds struct {
	findings, further, notes, labels, waits, outcomes, open *bound.Bound
	conns, allConns                                         *bound.Bound // of one finding, and of all together
	taken                                                   *bound.Bound // numbers of connections from an earlier run
	marks                                                   *bound.Bound // nil: not asked for
}

func boundsOfRegister(set *bound.Set) registerBounds {
	return registerBounds{
		findings: set.New(bound.Bound{Name: "findings of one rule", Limit: 1000, Hides: "which further clients and servers are concerned: they share one row"}),
		further:  set.New(bound.Bound{Name: "further clients of one rule", Limit: 1 << 16, Hides: "how many further clients there are: the number given is the least"}),
		conns:    set.New(bound.Bound{Name: "connections of one finding", Limit: 1 << 16, Hides: "how many connections a finding is about: the number given is the least"}),
		allConns: set.New(bound.Bound{
			Name: "connections of all findings", Limit: set.Scaled(maxFindingConns), Loses: bound.Detail,
			Hides: "how many connections findings are about: the numbers given are the least",
		}),
		notes:  set.New(bound.Bound{Name: "notes of one finding", Limit: 8, Hides: "further notes"}),
		labels: set.New(bound.Bound{Name: "command names of one finding", Limit: 1 << 10, Hides: "which further commands are concerned: they are counted as " + otherLabels}),
		waits:  set.New(bound.Bound{Name: "waits remembered for causes", Limit: 1 << 14, Hides: "which further findings follow from a stall"}),
		taken: set.New(bound.Bound{
			Name: "connections of findings from before a restart", Limit: set.Scaled(maxTakenConns), Loses: bound.Detail,
			Hides: "that a connection counts twice in a finding: once as of before the restart, once as of after it",
		}),
		outcomes: set.New(bound.Bound{Name: "desynchronised connections remembered for causes", Limit: 1 << 12, Hides: "further connections to show an incident on"}),
		open:     set.New(bound.Bound{Name: "open connections remembered for incidents", Limit: 1 << 16, Hides: "how many connections of an incident are still open"}),
	}
}

// NewRegister makes the register of one run.
func NewRegister(o RegisterOptions) *Register {
	if o.Bounds == nil {
		o.Bounds = new(bound.Set)
	}
	if o.Quiet <= 0 {
		o.Quiet = DefaultQuiet
	}
	g := &Register{o: o, bounds: boundsOfRegister(o.Bounds), byRule: map[string]*Collector{}, weakened: map[string]bool{}}
	g.teller.reg = g
	return g
}

const (
	// maxFindingConns is how many numbers of connections all groups keep, at 0.1 KiB each; it is scaled to the memory limit.
	maxFindingConns = 1 << 19
	// maxTakenConns is how many of them are taken over from an earlier run.
	maxTakenConns = 1 << 18
)

// Resume makes g, for which no rule has begun, continue the register of an earlier run of the same traffic that is over.
// Groups go on with their counts, connections, victims, notes, examples, causes and what rules keep of them; findings
// come again, complete. The numbers of connections must go on where the earlier run ended. Those of more than
// maxTakenConns are only counted.
func (g *Register) Resume(before *Register) {
	g.earlier = maps.Clone(before.byRule)
	taken := 0
	for _, c := range before.collectors {
		c.settleAll() // by what clients were called in that run
		for _, x := range c.all() {
			if taken += len(x.conns); taken > g.bounds.taken.Limit {
				g.bounds.taken.Hits += int64(len(x.conns))
				x.closed += len(x.conns)
				clear(x.conns)
			}
			g.kept += len(x.conns)
		}
	}
	g.history, g.turned = before.history, before.turned+1
	g.weakened = maps.Clone(before.weakened)
}

// Since makes g report only what before, which is over, has not: before has seen the beginning of the traffic of g, with the
// same numbers of connections. Counts are those beyond it. What has not grown is left out, but where it is the cause of what
// has. told is what runs before had Told. from says when what is new began; 0: it has not yet. It is to be called before
// anything is reported.
func (g *Register) Since(before *Register, told map[string]int, from func() capture.Time) {
	g.since = since{register: before, told: told, from: from}
}

// Told returns how many occurrences were reported by Findings, in this run and those before it, by fingerprint.
func (g *Register) Told() map[string]int { return g.told }

// Begin returns what a rule writes to, one a rule.
func (g *Register) Begin(rule Rule) *Collector {
	c := &Collector{rule: rule, reg: g, groups: map[groupID]*FindingGroup{}}
	if was := g.earlier[rule.ID]; was != nil {
		delete(g.earlier, rule.ID) // it holds all of its run
		c.groups, c.order, c.rest, c.counts = was.groups, was.order, was.rest, was.counts
		for _, x := range c.all() {
			x.of = c
			x.live.open, x.live.goingOn = nil, 0 // those connections are not followed any more: what they added stays
		}
	}
	g.collectors = append(g.collectors, c)
	g.byRule[rule.ID] = c
	return c
}

// Report calls emit, in which the rules report the present state of one connection. Where the connection is open, the
// next report of it replaces what this one adds to findings. goesOn says that the fault is not over: the next caller will
// suffer too.
func (g *Register) Report(conn int64, open, goesOn bool, emit func()) {
	serial := g.reporting.serial + 1
	g.reporting = reporting{conn, open, open && goesOn, serial}
	defer func() { g.reporting = reporting{serial: serial} }()
	emit()
}

// maxMarked is how many connections are marked with the rules that reported something of them, at up to 0.4 KiB each; it is
// scaled to the memory limit.
const maxMarked = 1 << 16

// KeepMarks asks for Marks, before the events begin.
func (g *Register) KeepMarks() {
	g.marks = map[int64][]string{}
	g.bounds.marks = g.o.Bounds.New(bound.Bound{
		Name: "connections marked with their findings", Limit: g.o.Bounds.Scaled(maxMarked), Hides: "which rules concern further connections, in lists", Loses: bound.Detail,
	})
}

// Marks returns the rules that reported something of a connection, in order.
func (g *Register) Marks(conn int64) []string {
	marks := g.marks[conn]
	if len(marks) > 1 {
		marks = slices.Sorted(slices.Values(marks))
	}
	return marks
}

func (g *Register) mark(conn int64, rule string) {
	if g.marks == nil || conn == 0 {
		return
	}
	var rules []string
	known := false
	if conn <= g.newestMarked {
		rules, known = g.marks[conn]
	}
	if !slices.Contains(rules, rule) && (known || g.bounds.marks.Admits(len(g.marks))) {
		g.marks[conn] = append(rules, rule)
		g.newestMarked = max(g.newestMarked, conn)
	}
}

// Suppressed returns how many occurrences were too weak to be reported.
func (g *Register) Suppressed() int64 { return g.suppressed }

// Weakened returns the rules, in order, with an occurrence that has a gap of the capture in its window.
func (g *Register) Weakened() []string { return slices.Sorted(maps.Keys(g.weakened)) }

// Findings completes what all rules found, worst first, with what caused what.
func (g *Register) Findings() []Finding {
	for _, c := range g.collectors {
		c.settleAll()
	}
	g.since.takeAway(g)
	var all []Finding
	for _, c := range g.collectors {
		for _, x := range c.all() {
			all = append(all, c.finding(x))
		}
	}
	SortFindings(all)
	g.guarded(func() { g.relate(all) })
	all = g.since.news(g, all)
	g.told = g.since.toldBy(all)
	return all
}

// group returns the group that a finding was made of; nil where it is of another run.
func (g *Register) group(f *Finding) *FindingGroup {
	c := g.byRule[f.Rule]
	if c == nil || f.More > 0 {
		return nil
	}
	return c.groups[groupID{f.Client, f.Server, f.Subject}]
}

// guarded calls what a rule's texts are made by. It is false after a panic, which counts as a failure of the rule.
func (g *Register) guarded(f func()) (done bool) {
	defer func() {
		if done {
			return
		}
		if cause := recover(); cause != nil && g.o.Failed != nil {
			g.o.Failed(cause)
		}
	}()
	f()
	return true
}
