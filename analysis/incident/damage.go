package incident

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
)

// damage counts what an incident did, each thing once: on connections of the rule that reports the harm, and of a desync
// on all that it happened on.
func (j *joiner) damage(in *Incident, harm string, byRule map[string][]*Finding) (conns map[int64]int) {
	d := &in.Damage
	clients, all := map[netip.Addr]bool{}, map[netip.Addr]bool{}
	libraries, saw, commands := map[string]bool{}, map[string]int{}, map[string]int{}
	conns = map[int64]int{} // calls that got another call's reply, by connection
	least := map[string]int{}
	for rule, fs := range byRule {
		for _, f := range fs {
			if f.Client.IsValid() && f.Severity > Low {
				all[f.Client] = true
			}
			if g := j.group(f); g != nil && g.earlier {
				continue
			}
			if rule != harm && !(in.Class == Desync && classOf(rule, f.Severity) == Desync) {
				continue
			}
			if f.Client.IsValid() {
				clients[f.Client] = true
				libraries[f.Library] = true
			}
			if d.Since == 0 || f.First < d.Since {
				d.Since = f.First
			}
			if rule == harm {
				d.Until = max(d.Until, f.Last)
			}
			least[rule] += f.Connections
			d.AtLeast = d.AtLeast || f.More > 0
			if f.More > 0 {
				d.Clients += f.More
			}
			if rule == harm {
				add(saw, f.Victims)
				add(commands, f.Commands)
			}
			g := j.group(f)
			if g == nil {
				continue
			}
			d.AtLeast = d.AtLeast || g.closed > 0
			for id, at := range g.conns {
				conns[id] = max(conns[id], at.calls)
			}
		}
	}
	if len(clients) == 0 {
		clients = all
	}
	for id, calls := range conns {
		if d.Calls += calls; calls > 0 {
			d.Misread++
		}
		if j.reg.isOpen(id) {
			d.Open++
		}
	}
	d.Connections = len(conns)
	for rule, n := range least { // what saved findings say, and connections whose numbers were given up
		if n > d.Connections {
			d.Connections, d.AtLeast = n, d.AtLeast || j.reg == nil && len(least) > 1 && rule != ""
		}
	}
	if in.Class == Desync || tallied(tallies(saw)) > 0 {
		d.Saw, d.Commands = tallies(saw), tallies(commands)
		if n := tallied(d.Saw); n > d.Calls {
			d.Calls = n
		}
	}
	d.Clients += len(clients)
	in.Clients = slices.SortedFunc(maps.Keys(clients), netip.Addr.Compare)
	in.Clients = in.Clients[:min(len(in.Clients), maxNamed)]
	if len(libraries) == 1 {
		for name := range libraries {
			in.Library = name
		}
	}
	var touched []*Finding
	for _, s := range in.Steps {
		if s.Role != RoleHarmless || len(in.Steps) == 1 {
			touched = append(touched, byRule[s.Rule]...)
		}
	}
	in.Servers = serversOf(touched)
	return conns
}

func add(to map[string]int, ts []Tally) {
	for _, t := range ts {
		to[t.Label] += t.Count
	}
}

func (j *joiner) group(f *Finding) *FindingGroup {
	if j.reg == nil {
		return nil
	}
	return j.reg.group(f)
}

// title says in one sentence what hurt.
func (j *joiner) title(in *Incident, harm string, fs []*Finding) string {
	if len(j.recalled) == 1 && j.recalled[0].Rule == harm { // nothing of another run is in it that the title counts
		return j.recalled[0].Title
	}
	d := &in.Damage
	least := ""
	if d.AtLeast {
		least = "at least "
	}
	who := Counted(d.Clients, "client", "clients")
	if in.Library != "" {
		who += " (" + in.Library + ")"
	}
	connections := Counted(d.Connections, "connection", "connections")
	switch {
	case in.Class == Desync && d.Calls > 0 && (d.Misread == 0 || d.Misread == d.Connections):
		return fmt.Sprintf("%s%s got another call's reply, on %s of %s", least, Counted(d.Calls, "call", "calls"), connections, who)
	case in.Class == Desync && d.Calls > 0:
		return fmt.Sprintf("%s%s got another call's reply, on %d of the %s of %s that were used again with a reply unread", least,
			Counted(d.Calls, "call", "calls"), d.Misread, connections, who)
	case len(fs) == 1 && fs[0].Title != "" && !j.wordsSteps(harm):
		return fs[0].Title
	}
	for i := range in.Steps {
		if s := &in.Steps[i]; s.Rule == harm {
			if d.Clients > 0 {
				return fmt.Sprintf("%s%s: %s", least, s.What, who)
			}
			return least + s.What
		}
	}
	return least + fs[0].Title
}

// wordsSteps reports whether a rule words its steps itself: they say more than its titles do.
func (j *joiner) wordsSteps(rule string) bool {
	return j.reg != nil && j.reg.byRule[rule] != nil && j.reg.byRule[rule].stepText != nil
}

// Counted joins a count with its noun.
func Counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// maxRemedies bounds what an incident says to do.
const maxRemedies = 5

// remedy says what to do: what the rule of the fault says about the incident, else what the findings say.
func (j *joiner) remedy(in *Incident, order []string, byRule map[string][]*Finding) (do []string) {
	whole := false // the fault has been dealt with
	for _, rule := range order {
		r := j.rule(rule)
		if r != nil && r.Step.Remedy != nil && !whole && worst(byRule[rule]) > Low {
			do = append(r.Step.Remedy(in), do...)
			whole = true
		}
	}
	for _, mine := range []bool{true, false} { // the fault first, then what set it off
		for _, s := range in.Steps {
			f := byRule[s.Rule][0]
			if s.Role == RoleHarmless && len(in.Steps) > 1 || f.Remedy == "" || whole && (classOf(s.Rule, High) < TopologyFault || s.Role != RoleCause) {
				continue
			}
			if (classOf(s.Rule, High) == in.Class) == mine && !slices.Contains(do, f.Remedy) {
				do = append(do, f.Remedy)
			}
		}
	}
	return do[:min(len(do), maxRemedies)]
}
