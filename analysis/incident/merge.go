package incident

import (
	"cmp"
	"net/netip"
	"slices"
)

// SavedRun is what a run found that is over.
type SavedRun struct {
	Findings  []Finding
	Incidents []Incident
}

// Merge joins what runs over different connections found: findings of one rule about the same client, server and subject are
// one, with the counts of all, and incidents are made of them as in one run. Nothing in runs is changed.
//
// Counts are added, but for what happened to a server and on no connection: each run that was there saw it. Where such
// findings overlap in time, the largest count is the least that is certain. rank puts findings in the order of the report.
func Merge(runs []SavedRun, rules []Rule, rank func([]Finding)) ([]Finding, []Incident) {
	m := merger{now: map[named]string{}}
	m.gather(runs)
	all := m.findings()
	rank(all)
	byID := map[string]*Rule{}
	for i := range rules {
		byID[rules[i].ID] = &rules[i]
	}
	j := joiner{findings: all, rule: func(id string) *Rule { return byID[id] }, saved: m.incidents(runs)}
	return all, j.join()
}

// merger joins the findings of several runs.
type merger struct {
	order []mergedID
	parts map[mergedID][]part
	now   map[named]string // fingerprints, by those that the runs gave
}

// mergedID is what findings have in common that become one.
type mergedID struct {
	rule    string
	client  netip.Addr
	server  netip.AddrPort
	subject string
	more    bool
}

// part is what one run contributes to a finding.
type part struct {
	run int
	*Finding
}

// named is a finding by its name in one run.
type named struct {
	run         int
	fingerprint string
}

func (m *merger) gather(runs []SavedRun) {
	m.parts = map[mergedID][]part{}
	for run := range runs {
		for i := range runs[run].Findings {
			f := &runs[run].Findings[i]
			id := mergedID{f.Rule, f.Client, f.Server, f.Subject, f.More > 0}
			if m.parts[id] == nil {
				m.order = append(m.order, id)
			}
			m.parts[id] = append(m.parts[id], part{run, f})
		}
	}
	slices.SortFunc(m.order, func(a, b mergedID) int { // several of one role have numbers in order of their addresses
		more := 0
		if a.more != b.more {
			more = -1
			if a.more {
				more = 1
			}
		}
		return cmp.Or(cmp.Compare(a.rule, b.rule), more, a.client.Compare(b.client), a.server.Compare(b.server), cmp.Compare(a.subject, b.subject))
	})
}

// findings joins the parts of each.
func (m *merger) findings() []Finding {
	all := make([]Finding, len(m.order))
	times := map[string]int{}
	for i, id := range m.order {
		f := joined(m.parts[id])
		f.Fingerprint = Unnumbered(f.Fingerprint)
		if times[f.Fingerprint]++; times[f.Fingerprint] > 1 {
			f.Fingerprint = numbered(f.Fingerprint, times[f.Fingerprint])
		}
		for _, p := range m.parts[id] {
			m.now[named{p.run, p.Fingerprint}] = f.Fingerprint
		}
		all[i] = f
	}
	for i, id := range m.order {
		for _, p := range m.parts[id] {
			for _, cause := range m.renamed(p.run, p.Causes) {
				if !slices.Contains(all[i].Causes, cause) {
					all[i].Causes = append(all[i].Causes, cause)
				}
			}
		}
	}
	SortFindings(all)
	return all
}

func (m *merger) renamed(run int, fingerprints []string) []string {
	var now []string
	for _, f := range fingerprints {
		if to, ok := m.now[named{run, f}]; ok {
			now = append(now, to)
		}
	}
	return now
}

// incidents returns those of the runs, by the fingerprints of their findings.
func (m *merger) incidents(runs []SavedRun) map[string][]*Incident {
	by := map[string][]*Incident{}
	for run := range runs {
		for i := range runs[run].Incidents {
			in := runs[run].Incidents[i]
			in.Steps = slices.Clone(in.Steps)
			for s := range in.Steps {
				in.Steps[s].Findings = m.renamed(run, in.Steps[s].Findings)
				for _, print := range in.Steps[s].Findings {
					by[print] = append(by[print], &in)
				}
			}
		}
	}
	return by
}

// joined makes one finding of its parts.
func joined(parts []part) Finding {
	most := slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.Count, b.Count) })
	f := *most.Finding
	if len(parts) == 1 {
		f.Causes, f.Early, f.Incident = nil, nil, 0
		return f
	}
	f.Causes, f.Notes, f.Examples, f.Early, f.Incident = nil, nil, nil, nil, 0
	f.Count, f.Connections, f.More = counts(parts), 0, 0
	victims, commands := map[string]int{}, map[string]int{}
	examples := 0
	for _, p := range parts {
		f.Connections += p.Connections
		f.More += p.More
		f.Severity, f.Confidence = max(f.Severity, p.Severity), max(f.Confidence, p.Confidence)
		if f.First == 0 || p.First != 0 && p.First < f.First {
			f.First = p.First
		}
		f.Last = max(f.Last, p.Last)
		f.Weakened = f.Weakened || p.Weakened
		f.Library, f.Policy, f.Timeout = cmp.Or(f.Library, p.Library), cmp.Or(f.Policy, p.Policy), cmp.Or(f.Timeout, p.Timeout)
		add(victims, p.Victims)
		add(commands, p.Commands)
		for _, n := range p.Notes {
			if !slices.Contains(f.Notes, n) && len(f.Notes) < maxMergedNotes {
				f.Notes = append(f.Notes, n)
			}
		}
		f.Examples = append(f.Examples, p.Examples...)
		examples = max(examples, len(p.Examples))
	}
	f.Victims, f.Commands = tallies(victims), tallies(commands)
	slices.SortStableFunc(f.Examples, func(a, b Example) int {
		return cmp.Or(cmp.Compare(b.Confidence, a.Confidence), cmp.Compare(a.Time, b.Time))
	})
	f.Examples = f.Examples[:examples]
	titles, remedies := make([]counted, len(parts)), make([]counted, len(parts))
	for i, p := range parts {
		titles[i], remedies[i] = counted{p.Title, p.Count, p.Connections}, counted{p.Remedy, p.Count, p.Connections}
	}
	f.Title, f.Remedy = reworded(titles, f.Count, f.Connections), reworded(remedies, f.Count, f.Connections)
	return f
}

// maxMergedNotes is as many as a finding of one run has.
const maxMergedNotes = 8

// counts adds the counts of parts, but for a server's, which all who were there saw.
func counts(parts []part) (n int) {
	f := parts[0]
	if f.Client.IsValid() || !f.Server.IsValid() || slices.ContainsFunc(parts, func(p part) bool { return p.Connections > 0 }) {
		for _, p := range parts {
			n += p.Count
		}
		return n
	}
	byTime := slices.Clone(parts)
	slices.SortStableFunc(byTime, func(a, b part) int { return cmp.Compare(a.First, b.First) })
	most, until := 0, byTime[0].Last
	for _, p := range byTime {
		if p.First > until {
			n, most = n+most, 0
		}
		most, until = max(most, p.Count), max(until, p.Last)
	}
	return n + most
}
