package analysis

import (
	"maps"
)

// What a run takes over from an earlier one, when a live run gives up its connections because memory is short:
//
//  1. the counts of Summary, and the failures;
//  2. what each rule has reported: its groups, with their counts, connections, victims, notes and examples;
//  3. what ties findings by cause: waits without a reply, connections that lost their place, stalls.
//
// Sessions, client groups and what the rules themselves remember are given up. Everything taken over has a bound, so that
// a run may be resumed again and again.

// maxTakenConns bounds the numbers of connections that are taken over, of all groups; further ones are only counted.
const maxTakenConns = 1 << 18

// reports are the reporters of a run, and the groups that they take over from the run before, by rule.
type reports struct {
	made  []*Reporter
	taken map[string][]*collected
}

// Resume makes r, which has not begun, continue an earlier run of the same traffic that is over. Findings are those of
// both: they come again at the end of r, complete. The numbers of connections must go on where before ended.
func (r *Run) Resume(before *Run) {
	r.summary = before.Summary()
	r.quality.failures = before.quality.failures
	r.quality.weakened = maps.Clone(before.quality.weakened)
	r.takeCauses(before)
	r.rules.taken = map[string][]*collected{}
	conns := 0
	for _, rep := range before.rules.made {
		for _, c := range rep.order {
			if conns += len(c.conns); conns > maxTakenConns {
				c.more += len(c.conns)
				clear(c.conns)
			}
			c.keepTexts(rep)
		}
		r.rules.taken[rep.d.ID] = rep.order
	}
}

// takeCauses takes over what ties findings by cause.
func (r *Run) takeCauses(before *Run) {
	t, old := &r.tale, &before.tale
	t.waits, t.fates = old.waits, old.fates
	t.stalls = r.topology.inherit(before.topology, old.stalls)
}

// keepTexts makes the texts of a group its own: the rule that made them will not remember what they rest on.
func (c *collected) keepTexts(rep *Reporter) {
	f := rep.finding(c)
	c.f.Title, c.f.Remedy, c.f.Notes = f.Title, f.Remedy, f.Notes
	for _, n := range f.Notes {
		c.known[n] = true
	}
	c.resumed, c.open = true, nil
}

// resume takes over the groups of the same rule.
func (r *Reporter) resume() {
	for _, c := range r.run.rules.taken[r.d.ID] {
		r.groups[c.id] = c
		r.order = append(r.order, c)
	}
}
