package incident

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Incidents joins findings: what led to one another, and what is the same fault of the same kind of client. Worst first.
// It gives each finding the number of its incident; those about the capture itself (RS9xx) have none. Findings that were
// left out are left out of the incidents too.
func (g *Register) Incidents(findings []Finding) []Incident {
	j := joiner{reg: g, findings: findings, rule: func(id string) *Rule {
		if c := g.byRule[id]; c != nil {
			return &c.rule
		}
		return nil
	}}
	return j.join()
}

// Join is Incidents for findings that were saved: counts are the least that the findings prove, and there are no stories.
func Join(findings []Finding, rules []Rule) []Incident {
	byID := map[string]*Rule{}
	for i := range rules {
		byID[rules[i].ID] = &rules[i]
	}
	j := joiner{findings: findings, rule: func(id string) *Rule { return byID[id] }}
	return j.join()
}

// joiner makes incidents of findings:
//
//  1. A finding that led to findings of another class is their origin: a stall is no fault of the client that it hurts.
//     It joins none of them to another, and is a step of each incident that it led to.
//  2. Of the others, those tied by cause belong together, unless they name different libraries.
//  3. So do findings of one rule about the same kind of client: the same library; where that is not known, the same
//     policy and server.
type joiner struct {
	reg      *Register // nil: the findings are of no run
	rule     func(id string) *Rule
	findings []Finding
	library  []string // by finding
	causes   [][]int  // by finding
	origin   []bool   // by finding
	root     []int    // of the union, by finding

	saved    map[string][]*Incident // of the runs that findings are merged of, by fingerprint; nil: of one run
	recalled []*Incident            // of them, those that the incident at hand is made of
}

func (j *joiner) join() []Incident {
	j.name()
	j.tie()
	var parts [][]int
	at := map[int]int{}
	for i := range j.findings {
		if j.findings[i].Incident = 0; j.origin[i] || IsQuality(j.findings[i].Rule) {
			continue
		}
		k, known := at[j.find(i)]
		if !known {
			k = len(parts)
			at[j.find(i)] = k
			parts = append(parts, nil)
		}
		parts[k] = append(parts[k], i)
	}
	made := make([]madeIncident, 0, len(parts))
	for _, part := range parts {
		j.recalled = j.incidentsOf(part)
		part = j.withOrigins(part)
		in, ok := j.make(part)
		if !ok && j.reg != nil {
			continue // a rule's text failed: its findings are reported all the same
		}
		made = append(made, madeIncident{in, part})
	}
	slices.SortStableFunc(made, func(a, b madeIncident) int {
		x, y := &a.Incident, &b.Incident
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(y.Confidence, x.Confidence), cmp.Compare(y.Damage.Calls, x.Damage.Calls),
			cmp.Compare(y.Damage.Connections, x.Damage.Connections), cmp.Compare(x.First, y.First), cmp.Compare(x.Fingerprint, y.Fingerprint))
	})
	all := make([]Incident, len(made))
	same := map[string]int{}
	for n := range made {
		all[n] = made[n].Incident
		all[n].ID = n + 1
		if same[all[n].Fingerprint]++; same[all[n].Fingerprint] > 1 {
			all[n].Fingerprint += "-" + strconv.Itoa(same[all[n].Fingerprint])
		}
		for _, i := range made[n].part {
			if f := &j.findings[i]; f.Incident == 0 {
				f.Incident = n + 1
			}
		}
	}
	return all
}

type madeIncident struct {
	Incident
	part []int
}

// IsQuality reports whether a rule concerns the capture, not the traffic.
func IsQuality(rule string) bool { return len(rule) == 5 && rule[:3] == "RS9" }

// name decides on the library of each finding: a client that has one name has it everywhere.
func (j *joiner) name() {
	of := map[netip.Addr]string{}
	const several = "\x00"
	for i := range j.findings {
		f := &j.findings[i]
		if was, known := of[f.Client]; f.Library == "" || !f.Client.IsValid() {
			continue
		} else if known && was != f.Library {
			of[f.Client] = several
		} else {
			of[f.Client] = f.Library
		}
	}
	j.library = make([]string, len(j.findings))
	for i := range j.findings {
		f := &j.findings[i]
		if name := of[f.Client]; f.Library == "" && name != several {
			f.Library = name
		}
		j.library[i] = f.Library
	}
}

// tie finds which findings are origins, and joins the others.
func (j *joiner) tie() {
	n := len(j.findings)
	j.causes, j.origin, j.root = make([][]int, n), make([]bool, n), make([]int, n)
	byPrint := map[string]int{}
	for i := range j.findings {
		j.root[i] = i
		byPrint[j.findings[i].Fingerprint] = i
	}
	for i := range j.findings {
		for _, print := range j.findings[i].Causes {
			if c, ok := byPrint[print]; ok && c != i {
				j.causes[i] = append(j.causes[i], c)
				j.origin[c] = j.origin[c] || j.foreign(c, i)
			}
		}
	}
	for changed := true; changed; { // what led to an origin is one: as many rounds as a chain of rules is long
		changed = false
		for i := range j.findings {
			for _, c := range j.causes[i] {
				if j.origin[i] && !j.origin[c] && j.class(c) >= TopologyFault {
					j.origin[c], changed = true, true
				}
			}
		}
	}
	j.spread()
	same := map[string]int{}
	for i := range j.findings {
		if j.origin[i] {
			continue
		}
		for _, c := range j.causes[i] {
			if !j.origin[c] && (j.library[i] == j.library[c] || j.library[i] == "" || j.library[c] == "") {
				j.unite(i, c)
			}
		}
		kind := j.kind(i)
		if first, known := same[kind]; known {
			j.unite(i, first)
		} else {
			same[kind] = i
		}
	}
}

func (j *joiner) class(i int) Class { return classOf(j.findings[i].Rule, High) }

// foreign reports whether a cause is of the network, the servers or the cluster, and its effect of a client.
func (j *joiner) foreign(cause, effect int) bool {
	return j.class(cause) >= TopologyFault && j.class(effect) < TopologyFault
}

// kind is what findings have in common that are one fault.
func (j *joiner) kind(i int) string {
	f := &j.findings[i]
	switch {
	case !f.Client.IsValid() || f.More > 0:
		return f.Rule
	case f.Library != "":
		return f.Rule + "|" + f.Library
	}
	return strings.Join([]string{f.Rule, "", f.Policy, addrPortText(f.Server)}, "|")
}

func (j *joiner) find(i int) int {
	for j.root[i] != i {
		j.root[i] = j.root[j.root[i]]
		i = j.root[i]
	}
	return i
}

func (j *joiner) unite(a, b int) {
	if a, b = j.find(a), j.find(b); a != b {
		j.root[max(a, b)] = min(a, b)
	}
}

// incidentsOf returns the incidents of saved runs that findings were parts of, in the order of the runs.
func (j *joiner) incidentsOf(part []int) (all []*Incident) {
	for _, i := range part {
		for _, in := range j.saved[j.findings[i].Fingerprint] {
			if !slices.Contains(all, in) {
				all = append(all, in)
			}
		}
	}
	return all
}

// withOrigins adds what led to the findings of a part, from the farthest on, and what the same rule found about the servers
// of the part: who waited there may have waited for it.
func (j *joiner) withOrigins(part []int) []int {
	seen := map[int]bool{}
	for _, i := range part {
		seen[i] = true
	}
	whole := slices.Clone(part)
	for at := 0; at < len(whole); at++ {
		for _, c := range j.causes[whole[at]] {
			if j.origin[c] && !seen[c] {
				seen[c] = true
				whole = append(whole, c)
			}
		}
	}
	rules, servers := map[string]bool{}, map[netip.AddrPort]bool{}
	for _, i := range whole {
		if j.origin[i] {
			rules[j.findings[i].Rule] = true
		} else {
			servers[j.findings[i].Server] = true
		}
	}
	for i := range j.findings {
		if f := &j.findings[i]; !seen[i] && rules[f.Rule] && !f.Client.IsValid() && servers[f.Server] {
			whole = append(whole, i)
		}
	}
	slices.Sort(whole)
	return whole
}

// spread makes origins of what the rule of an origin found about other servers of the same clients.
func (j *joiner) spread() {
	rules, asked := map[string]bool{}, map[netip.AddrPort]bool{}
	for i := range j.findings {
		f := &j.findings[i]
		if rules[f.Rule] = rules[f.Rule] || j.origin[i]; f.Client.IsValid() && j.class(i) < TopologyFault {
			asked[f.Server] = true
		}
	}
	for i := range j.findings {
		f := &j.findings[i]
		j.origin[i] = j.origin[i] || rules[f.Rule] && !f.Client.IsValid() && asked[f.Server]
	}
}
