package incident

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// Cause is one thing that a rule's findings can be caused by: a finding of one of the rules, where the two share something.
// A cause never comes after its effect.
type Cause struct {
	Rules []string // "RS210"
	Share Share
	// Otherwise says that it counts only where none of the causes before it in the rule's list was found: a dirty
	// connection follows from the timeout, the timeout from the stall.
	Otherwise bool
}

// Share is what two findings must have in common to be cause and effect.
type Share uint8

const (
	SameConnection Share = iota // a connection, on which the cause began no later than the effect
	SameEnds                    // client and server
	SameServer
	SameClient
	SameTime    // the effect began while the cause went on, or soon after
	StalledWait // a wait of the effect that stalls of the cause's server cover by half or more
)

// soonAfter is how long after its last occurrence a cause has effects: a failover still tears transactions 5 s after
// the last refused command.
const soonAfter = 5 * time.Second

// relate fills in the causes of findings, by what the rules declare.
func (g *Register) relate(all []Finding) {
	byRule := map[string][]*FindingGroup{}
	for i := range all {
		if x := g.group(&all[i]); x != nil {
			byRule[all[i].Rule] = append(byRule[all[i].Rule], x)
		}
	}
	w := g.history.waitsInStalls(g.o.StallBehind)
	for i := range all {
		f := &all[i]
		effect := g.group(f)
		if effect == nil {
			continue
		}
		for _, declared := range g.byRule[f.Rule].rule.CausedBy {
			if declared.Otherwise && len(effect.causes) > 0 {
				continue
			}
			for _, rule := range declared.Rules {
				for _, cause := range byRule[rule] {
					if cause != effect && w.tied(effect, cause, declared.Share) && !slices.Contains(effect.causes, cause) {
						effect.causes = append(effect.causes, cause)
						f.Causes = append(f.Causes, cause.f.Fingerprint)
					}
				}
			}
		}
	}
}

// tied reports whether two groups share what makes one the cause of the other, which must not come after it.
func (w stalledWaits) tied(effect, cause *FindingGroup, by Share) bool {
	e, c := &effect.f, &cause.f
	switch by {
	case SameConnection:
		return effect.followsOn(cause)
	case StalledWait:
		return sameServer(e, c) && w.of(effect, c.Server)
	}
	if c.First > e.First {
		return false
	}
	switch by {
	case SameEnds:
		return sameClient(e, c) && sameServer(e, c)
	case SameServer:
		return sameServer(e, c)
	case SameClient:
		return sameClient(e, c)
	case SameTime:
		return e.First <= c.Last.Add(soonAfter)
	}
	return false
}

func sameClient(a, b *Finding) bool {
	return !a.Client.IsValid() || !b.Client.IsValid() || a.Client == b.Client
}

func sameServer(a, b *Finding) bool {
	return !a.Server.IsValid() || !b.Server.IsValid() || a.Server == b.Server
}

// followsOn reports whether there is a connection on which the cause occurred first, and the effect then or later.
func (g *FindingGroup) followsOn(cause *FindingGroup) bool {
	if len(g.conns) <= len(cause.conns) {
		for id, e := range g.conns {
			if c, ok := cause.conns[id]; ok && c.first <= e.first {
				return true
			}
		}
		return false
	}
	for id, c := range cause.conns {
		if e, ok := g.conns[id]; ok && c.first <= e.first {
			return true
		}
	}
	return false
}

// stalledWaits are the waits in vain that a stall is behind.
type stalledWaits []*Wait

// of reports whether one of them is of the effect, and of this server.
func (w stalledWaits) of(effect *FindingGroup, server netip.AddrPort) bool {
	return slices.ContainsFunc(w, func(x *Wait) bool {
		if x.Server != server || effect.f.Client.IsValid() && x.Client != effect.f.Client {
			return false
		}
		_, ok := effect.conns[x.Conn]
		return ok || len(effect.conns) == 0
	})
}

// causalOrder returns the rules of an incident's findings: each after the rules that caused it, else the earliest first.
// What is harmless and caused nothing stands last.
func causalOrder(byRule map[string][]*Finding, ruleOf map[string]string) []string {
	causes, effects := map[string]map[string]bool{}, map[string]bool{}
	for rule, fs := range byRule {
		causes[rule] = map[string]bool{}
		for _, f := range fs {
			for _, c := range f.Causes {
				if of, ok := ruleOf[c]; ok && of != rule {
					causes[rule][of], effects[of] = true, true
				}
			}
		}
	}
	place := func(rule string) (harmless int, first capture.Time) {
		fs := byRule[rule]
		first = slices.MinFunc(fs, func(a, b *Finding) int { return cmp.Compare(a.First, b.First) }).First
		if !effects[rule] && !slices.ContainsFunc(fs, func(f *Finding) bool { return f.Severity > Low }) {
			harmless = 1
		}
		return harmless, first
	}
	var order []string
	for len(causes) > 0 {
		ready := slices.Collect(maps.Keys(causes))
		if free := slices.DeleteFunc(slices.Clone(ready), func(rule string) bool { return anyOf(causes, causes[rule]) }); len(free) > 0 {
			ready = free // else a ring, which declared causes cannot make: but findings that were read from a file can
		}
		next := slices.MinFunc(ready, func(a, b string) int {
			harmlessA, firstA := place(a)
			harmlessB, firstB := place(b)
			return cmp.Or(cmp.Compare(harmlessA, harmlessB), cmp.Compare(firstA, firstB), cmp.Compare(a, b))
		})
		order = append(order, next)
		delete(causes, next)
	}
	return order
}

// anyOf reports whether one of the rules is still to come.
func anyOf(left map[string]map[string]bool, rules map[string]bool) bool {
	for rule := range rules {
		if left[rule] != nil {
			return true
		}
	}
	return false
}
