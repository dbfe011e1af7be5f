package incident

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// FindingGroup is all occurrences of one rule that have the same client, server and subject: what becomes one finding.
type FindingGroup struct {
	of       *Collector
	f        Finding        // without what the other fields give
	conns    map[int64]span // of its occurrences, by connection
	newest   int64          // the greatest number of a connection among them
	closed   int            // further connections, whose numbers were given up
	notes    map[string]bool
	victims  map[string]int
	commands map[string]int
	examples []ranked
	causes   []*FindingGroup
	facts    any       // what the rule keeps of the group, a *T of its Facts[T]
	more     *moreRows // of the row for groups beyond the bound
	live     liveGroup
	earlier  bool // none of it is new: see Register.Since
	fresh    int  // occurrences since what is new began
	settled  bool // its fingerprint is the one that it keeps
}

// span is the occurrences on one connection: from the first to the last, and how many calls got another call's reply.
type span struct {
	first, last capture.Time
	calls       int
}

// ranked is an example with what it needs to keep its place.
type ranked struct {
	Example
	serial int64 // of the report of an open connection that it is from, which the next one replaces; 0: it stays
	news   bool  // see Register.Since
}

// otherLabels counts what is beyond the bound of labels.
const otherLabels = "(others)"

// count adds an occurrence, to what a report contributes too where another one will replace it.
func (g *FindingGroup) count(reg *Register, o *Occurrence, now *contribution) {
	f, b := &g.f, &reg.bounds
	n := max(o.Count, 1)
	if o.Standing {
		f.Count = max(f.Count, n)
	} else {
		f.Count += n
	}
	if reg.since.isNew(max(o.Time, o.Last)) {
		g.fresh += n
	}
	f.Severity = max(f.Severity, o.Severity)
	f.Confidence = max(f.Confidence, o.Confidence)
	f.First, f.Last = min(f.First, o.Time), max(f.Last, o.Time, o.Last)
	f.Weakened = f.Weakened || o.Weakened
	f.Library, f.Policy = cmp.Or(o.Library, f.Library), cmp.Or(o.Policy, f.Policy)
	if o.Conn > 0 {
		calls := 0
		for _, n := range o.Victims {
			calls += n
		}
		if at, known := g.spanOf(o.Conn); known {
			g.conns[o.Conn] = span{min(at.first, o.Time), max(at.last, o.Time, o.Last), at.calls + calls}
		} else if b.conns.Admits(len(g.conns)) && b.allConns.Admits(reg.kept) {
			reg.kept++
			g.conns[o.Conn] = span{o.Time, max(o.Time, o.Last), calls}
			g.newest = max(g.newest, o.Conn)
		}
	}
	f.Timeout = cmp.Or(f.Timeout, o.Timeout)
	if now == nil {
		now = &contribution{}
	}
	now.count += n
	sum(g.victims, now.victims, o.Victims, b.labels)
	sum(g.commands, now.commands, o.Commands, b.labels)
	for _, n := range o.Notes {
		if !g.notes[n] && b.notes.Admits(len(g.notes)) {
			g.notes[n] = true
			f.Notes = append(f.Notes, n)
		}
	}
}

// spanOf returns the occurrences on a connection. Where connections come without end, most are newer than all that are known.
func (g *FindingGroup) spanOf(conn int64) (at span, known bool) {
	if conn > g.newest {
		return span{}, false
	}
	at, known = g.conns[conn]
	return at, known
}

// sum adds counts by label, to a second map too where there is one. What is beyond the bound of labels has one of its own.
func sum(to, also, what map[string]int, limit *bound.Bound) {
	for label, n := range what {
		if _, known := to[label]; !known && !limit.Admits(len(to)) {
			label = otherLabels
		}
		to[label] += n
		if also != nil {
			also[label] += n
		}
	}
}

// exemplify keeps the occurrence's evidence if it is among the surest, and of these among the earliest. What is new goes before
// what was reported by an earlier run.
func (g *FindingGroup) exemplify(reg *Register, o *Occurrence, now *contribution) {
	if reg.o.Live && (g.live.latest == nil || o.Time.Sub(g.live.latest.Time) >= time.Second) { // not for each of many: it is for a telling now and then
		e := o.example()
		g.live.latest = &e
	}
	at := len(g.examples)
	news := reg.since.isNew(o.Time)
	for at > 0 {
		if x := &g.examples[at-1]; x.news == news && x.Confidence >= o.Confidence || x.news && !news {
			break
		}
		at--
	}
	if at >= reg.o.MaxExamples {
		return
	}
	x := ranked{Example: o.example(), news: news}
	if now != nil {
		x.serial = now.serial
	}
	g.examples = slices.Insert(g.examples, at, x)
	g.examples = g.examples[:min(len(g.examples), reg.o.MaxExamples)]
}

// example builds the occurrence's example.
func (o *Occurrence) example() Example {
	e := o.Evidence()
	e.Conn = cmp.Or(e.Conn, o.Conn)
	e.Client, e.Server = cmp.Or(e.Client, o.Client), cmp.Or(e.Server, o.Server)
	e.Time = cmp.Or(e.Time, o.Time)
	if e.Filter == "" {
		e.Filter = DisplayFilter(e.Client, e.Server)
	}
	e.Confidence = o.Confidence
	return e
}

// clone copies what a report may change of an example.
func (e *Example) clone() Example {
	c := *e
	c.Facts, c.Victims, c.Ladder = slices.Clone(e.Facts), slices.Clone(e.Victims), slices.Clone(e.Ladder)
	return c
}

// finding gives the group's numbers and examples, without the rule's texts. Nothing in it is shared with the group.
func (g *FindingGroup) finding() Finding {
	f := g.f
	f.Connections = len(g.conns) + g.closed
	f.Victims, f.Commands = tallies(g.victims), tallies(g.commands)
	f.Notes = slices.Clone(f.Notes)
	for i := range g.examples {
		f.Examples = append(f.Examples, g.examples[i].clone())
	}
	for _, c := range g.causes {
		f.Causes = append(f.Causes, c.f.Fingerprint)
	}
	return f
}

// Tallies puts counts by label in order, the most first.
func Tallies(m map[string]int) []Tally { return tallies(m) }

func tallies(m map[string]int) []Tally {
	t := make([]Tally, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		t = append(t, Tally{k, m[k]})
	}
	slices.SortStableFunc(t, func(a, b Tally) int { return cmp.Compare(b.Count, a.Count) })
	return t
}
