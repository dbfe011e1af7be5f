package incident

import (
	"maps"
	"slices"

	"github.com/respsniff/respsniff/capture"
)

// earlierNote is on a finding that is there only as the cause of others.
const earlierNote = "All of it was seen in earlier files: it is here since other findings follow from it."

// since is what a run reports on top of: an earlier run over the beginning of the same traffic.
type since struct {
	register *Register
	told     map[string]int      // how many occurrences the runs before it have reported, by fingerprint
	from     func() capture.Time // when what is new began
	done     bool
}

// Lessened is what a rule keeps of a group, if its numbers can be those of what is new.
type Lessened interface {
	// TakeOff takes off what another one of its type, of the earlier run, has.
	TakeOff(before any)
}

// isNew reports whether a moment is behind the beginning of what is new.
func (s *since) isNew(t capture.Time) bool {
	if s.register == nil {
		return false
	}
	from := s.from()
	return from != 0 && t >= from
}

// takeAway takes from the groups what was there before.
func (s *since) takeAway(g *Register) {
	if s.register == nil || s.done {
		return
	}
	s.done = true
	at := s.from()
	for _, c := range g.collectors {
		was := s.register.byRule[c.rule.ID]
		if was == nil {
			was = &Collector{}
		}
		for _, x := range c.order {
			old := was.groups[groupID{x.f.Client, x.f.Server, x.f.Subject}]
			if old == nil {
				old = &FindingGroup{}
			}
			x.tellOnce(s.told[x.f.Fingerprint], old.f.Count)
			x.takeAway(old, at)
		}
		if c.rest != nil && was.rest != nil {
			c.rest.takeAway(was.rest, at)
		}
	}
}

// tellOnce takes off what earlier runs have told beyond what the packets that are left of their files show by themselves: a rule
// may find in the second file that what it had called cancelled in the first one was a timeout, and in the third that it was
// cancelled after all.
func (g *FindingGroup) tellOnce(told, was int) {
	g.f.Count -= max(min(told-was, g.f.Count-was-g.fresh), 0)
}

func (g *FindingGroup) takeAway(was *FindingGroup, at capture.Time) {
	if g.f.Count <= was.f.Count {
		g.earlier = true
		return
	}
	if was.f.Count == 0 {
		return
	}
	if kept, ok := g.facts.(Lessened); ok && was.facts != nil {
		kept.TakeOff(was.facts)
	}
	g.f.Count -= was.f.Count
	g.f.First = max(g.f.First, min(at, g.f.Last))
	subtract(g.victims, was.victims)
	subtract(g.commands, was.commands)
	for id, then := range was.conns {
		now, ok := g.conns[id]
		switch {
		case !ok:
		case now.last <= then.last && now.calls <= then.calls:
			delete(g.conns, id)
		default:
			g.conns[id] = span{max(now.first, min(at, now.last)), now.last, max(now.calls-then.calls, 0)}
		}
	}
	g.closed = max(g.closed-was.closed, 0)
	if slices.ContainsFunc(g.examples, func(e ranked) bool { return e.news }) {
		g.examples = slices.DeleteFunc(g.examples, func(e ranked) bool { return !e.news })
	}
}

// toldBy returns what was told when these findings are, too.
func (s *since) toldBy(all []Finding) map[string]int {
	told := maps.Clone(s.told)
	if told == nil {
		told = map[string]int{}
	}
	for i := range all {
		if f := &all[i]; !slices.Contains(f.Notes, earlierNote) {
			told[f.Fingerprint] += f.Count
		}
	}
	return told
}

// news leaves out the findings that were there before, but for the causes of others.
func (s *since) news(g *Register, all []Finding) []Finding {
	if s.register == nil {
		return all
	}
	wanted := map[string]bool{}
	old := func(f *Finding) bool {
		x := g.group(f)
		if c := g.byRule[f.Rule]; c != nil && f.More > 0 {
			x = c.rest
		}
		return x != nil && x.earlier
	}
	for i := range all {
		if f := &all[i]; !old(f) {
			wanted[f.Fingerprint] = true
		}
	}
	for grown := true; grown; {
		n := len(wanted)
		for i := range all {
			if f := &all[i]; wanted[f.Fingerprint] {
				for _, cause := range f.Causes {
					wanted[cause] = true
				}
			}
		}
		grown = len(wanted) > n
	}
	all = slices.DeleteFunc(all, func(f Finding) bool { return !wanted[f.Fingerprint] })
	for i := range all {
		if f := &all[i]; old(f) {
			f.Notes = append(f.Notes, earlierNote)
		}
	}
	return all
}
