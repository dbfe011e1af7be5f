package incident

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// DefaultQuiet is how long nothing of a finding must happen in a live run before it is over.
const DefaultQuiet = 5 * time.Minute

// tellEvery is the least time between two tellings of a finding that only grows, and between two that it is over.
const tellEvery = time.Minute

// liveSure is the least confidence of a finding that is told of while a run goes on.
const liveSure = pairing.Likely

// News is why a live run tells of a finding.
type News uint8

// News, in words that every output uses.
const (
	NewsFirst News = iota // it was not told of before
	NewsWorse             // it has become surer or more severe
	NewsMore              // twice as many occurrences or connections, or further connections
	NewsAgain             // it was quiet, or over
	NewsOver              // it is over: its connections are closed or caught up, or it was quiet for long enough
)

var newsNames = [...]string{"new", "worse", "more", "again", "over"}

// String returns the word that every output uses.
func (n News) String() string { return newsNames[n] }

// Early is what a live run says of a finding while it goes on.
type Early struct {
	News     News
	At       capture.Time  // of the telling
	Quiet    time.Duration // of NewsAgain and NewsOver: how long nothing happened
	Conns    int           // connections since it was last told of
	Closed   int           // of NewsOver: connections on which it went on until they were closed
	CaughtUp int           // ... and until their callers read their own replies again
	Latest   *Example      // its latest occurrence
}

// telling is how a finding stands in a live run, and how it stood when it was last told of.
type telling struct {
	active     bool // told of, and not over
	severity   Severity
	confidence pairing.Confidence
	count      int
	conns      int
	at         capture.Time // of the last telling; 0: none
	last       capture.Time // of its latest occurrence, when it was last looked at
	seen       int          // occurrences then
	ended      capture.Time // when it was last told to be over
	closed     int          // connections on which it went on since then
	caughtUp   int
}

// over notes that a fault goes on no longer on a connection.
func (t *telling) over(r *reporting) {
	switch {
	case !r.open:
		t.closed++
	case !r.goesOn:
		t.caughtUp++
	}
}

// teller says, of a live run, what is to be told while it goes on.
type teller struct {
	reg     *Register
	changed []*FindingGroup // since they were last looked at
	turned  int             // of Turned
}

// Early yields, of a live run, what is to be told of findings whose occurrences have changed since the last call. now is the
// time of the latest packet. It is false when yield wants no more.
func (g *teller) Early(now capture.Time, yield func(Finding) bool) bool {
	changed := g.changed
	g.changed = g.changed[:0]
	for _, x := range changed {
		x.live.changed = false
	}
	for i, x := range changed {
		changed[i] = nil
		if !g.tell(x, now, yield) {
			return false
		}
	}
	return true
}

// Tick yields what the time alone makes due at now: findings that are over, and growth that was held back.
func (g *teller) Tick(now capture.Time, yield func(Finding) bool) bool {
	for _, c := range g.reg.collectors {
		for _, x := range c.all() {
			if !g.tell(x, now, yield) {
				return false
			}
		}
	}
	return true
}

func (g *teller) tell(x *FindingGroup, now capture.Time, yield func(Finding) bool) bool {
	if x.f.Confidence >= liveSure {
		x.recount()
	}
	e := x.look(now, g.reg.o.Quiet)
	if e == nil {
		return true
	}
	if e.News != NewsMore {
		g.turned++
	}
	x.of.settle(x)
	f := x.of.finding(x)
	if f.Early = e; x.live.latest != nil {
		latest := x.live.latest.clone()
		e.Latest = &latest
	}
	return yield(f)
}

// Turned counts how often a finding began, became worse or ended, so that what rests on it is found anew only then.
func (g *teller) Turned() int { return g.turned }

// touch notes that a group has changed.
func (g *teller) touch(x *FindingGroup) {
	if !x.live.changed {
		x.live.changed = true
		g.changed = append(g.changed, x)
	}
}

// RuleCount is what a rule has found so far that is likely at least. Neither number ever falls.
type RuleCount struct {
	Rule                  string
	Findings, Occurrences int64
}

// Counts returns what each rule of a live run has found, in the order in which the rules began.
func (g *teller) Counts() []RuleCount {
	all := make([]RuleCount, len(g.reg.collectors))
	for i, c := range g.reg.collectors {
		all[i] = c.counts
		all[i].Rule = c.rule.ID
	}
	return all
}

// OpenIncidents returns how many incidents there are at the moment: those with a finding that goes on, the harmless left
// out. What caused what is found as for a report; nothing of it is kept, since more may come.
func (g *teller) OpenIncidents() int {
	causes := map[*FindingGroup][]*FindingGroup{}
	for _, c := range g.reg.collectors {
		for _, x := range c.all() {
			causes[x] = x.causes
		}
	}
	all := g.reg.Findings()
	open := map[string]bool{}
	all = slices.DeleteFunc(all, func(f Finding) bool {
		x := g.reg.group(&f)
		goesOn := x != nil && x.live.telling.active && f.Severity > Info
		open[f.Fingerprint] = goesOn
		return x == nil
	})
	n := 0
	for _, in := range g.reg.Incidents(all) {
		if slices.ContainsFunc(in.Steps, func(s IncidentStep) bool {
			return s.Role != RoleHarmless && slices.ContainsFunc(s.Findings, func(print string) bool { return open[print] })
		}) {
			n++
		}
	}
	for x, before := range causes {
		x.causes = before
	}
	return n
}
