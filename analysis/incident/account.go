package incident

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/respsniff/respsniff/analysis/pairing"
)

// make makes the incident of findings that belong together. It is false where a rule's text failed.
func (j *joiner) make(part []int) (in Incident, ok bool) {
	build := func() {
		fs := make([]*Finding, len(part))
		for n, i := range part {
			fs[n] = &j.findings[i]
		}
		in = j.incident(fs)
	}
	if j.reg == nil {
		build()
		return in, true
	}
	ok = j.reg.guarded(build)
	return in, ok
}

func (j *joiner) incident(fs []*Finding) Incident {
	var in Incident
	byRule, ruleOf := map[string][]*Finding{}, map[string]string{}
	for _, f := range fs {
		byRule[f.Rule] = append(byRule[f.Rule], f)
		ruleOf[f.Fingerprint] = f.Rule
		in.Severity = max(in.Severity, f.Severity)
	}
	order := causalOrder(byRule, ruleOf)
	harm := j.harm(order, byRule)
	in.Rule = harm
	leads, follows := leadsTo(harm, byRule, ruleOf), followsFrom(harm, order, byRule, ruleOf)
	for _, rule := range order {
		role := RoleHarmless
		switch level := worst(byRule[rule]); {
		case leads[rule]:
			role = RoleCause
		case rule == harm || level >= High || follows[rule] && level > Low:
			role = RoleEffect
		}
		in.Steps = append(in.Steps, j.step(byRule[rule], role))
	}
	if in.Steps[0].Rule == harm {
		in.Steps[0].Role = RoleCause // nothing is known that led to it
	}
	in.Class = classOf(harm, worst(byRule[harm]))
	if root := byRule[order[0]]; in.Class != Desync && leads[order[0]] && worst(root) >= worst(byRule[harm]) {
		in.Class = classOf(order[0], worst(root)) // whoever waits for a server that stalls is not to blame
	}
	in.Confidence = surest(byRule[harm])
	in.span()
	conns := j.damage(&in, harm, byRule)
	in.originate(byRule)
	if j.reg != nil {
		j.follow(&in, byRule[harm], fs, conns)
	} else {
		in.exemplify(byRule[harm])
		j.recall(&in)
	}
	in.Fingerprint = in.print(harm, byRule)
	in.Title = j.title(&in, harm, byRule[harm])
	in.Remedy = j.remedy(&in, order, byRule)
	return in
}

// harm is the rule that reports what hurt: of the worst, a desync before other faults, the rule that counts the calls that
// got another call's reply, else the one with the most of them, else the last in the order of cause.
func (j *joiner) harm(order []string, byRule map[string][]*Finding) string {
	type rank struct {
		severity     Severity
		class        Class
		counts       int
		calls, place int
	}
	of := func(place int, rule string) rank {
		x := rank{worst(byRule[rule]), classOf(rule, worst(byRule[rule])), 0, 0, place}
		if r := j.rule(rule); r != nil && r.Step.Calls {
			x.counts = 1
		}
		for _, f := range byRule[rule] {
			x.calls += tallied(f.Victims)
		}
		return x
	}
	best := of(0, order[0])
	for place, rule := range order {
		x := of(place, rule)
		if cmp.Or(cmp.Compare(x.severity, best.severity), cmp.Compare(best.class, x.class), cmp.Compare(x.counts, best.counts),
			cmp.Compare(x.calls, best.calls), cmp.Compare(x.place, best.place)) > 0 {
			best = x
		}
	}
	return order[best.place]
}

func tallied(ts []Tally) (n int) {
	for _, t := range ts {
		n += t.Count
	}
	return n
}

func worst(fs []*Finding) (s Severity) {
	for _, f := range fs {
		s = max(s, f.Severity)
	}
	return s
}

// surest is how sure the surest of the worst findings is.
func surest(fs []*Finding) (c pairing.Confidence) {
	level := worst(fs)
	for _, f := range fs {
		if f.Severity == level {
			c = max(c, f.Confidence)
		}
	}
	return c
}

// leadsTo returns the rules that led to a rule, over however many others.
func leadsTo(harm string, byRule map[string][]*Finding, ruleOf map[string]string) map[string]bool {
	leads := map[string]bool{}
	for queue := []string{harm}; len(queue) > 0; queue = queue[1:] {
		for _, f := range byRule[queue[0]] {
			for _, print := range f.Causes {
				if rule, ok := ruleOf[print]; ok && rule != harm && !leads[rule] {
					leads[rule] = true
					queue = append(queue, rule)
				}
			}
		}
	}
	return leads
}

// followsFrom returns the rules that a rule led to, over however many others. order has each behind its causes.
func followsFrom(harm string, order []string, byRule map[string][]*Finding, ruleOf map[string]string) map[string]bool {
	follows := map[string]bool{harm: true}
	for _, rule := range order {
		for _, f := range byRule[rule] {
			for _, print := range f.Causes {
				follows[rule] = follows[rule] || follows[ruleOf[print]]
			}
		}
	}
	return follows
}

// step joins the findings of one rule.
func (j *joiner) step(fs []*Finding, role Role) IncidentStep {
	f := fs[0]
	step := IncidentStep{Rule: f.Rule, Name: f.Name, First: f.First, Role: role}
	rule := j.rule(f.Rule)
	byConnection := rule != nil && rule.Step.Connections
	for _, f := range fs {
		step.Findings = append(step.Findings, f.Fingerprint)
		step.First, step.Last = min(step.First, f.First), max(step.Last, f.Last)
		if n := f.Count; byConnection && f.Connections > 0 {
			step.Count += f.Connections
		} else {
			step.Count += n
		}
	}
	step.What = j.words(rule, fs, step.Count)
	return step
}

func (j *joiner) words(rule *Rule, fs []*Finding, n int) string {
	if j.reg != nil {
		if c := j.reg.byRule[fs[0].Rule]; c != nil && c.stepText != nil {
			return c.stepText(fs, n)
		}
	}
	switch {
	case rule == nil || rule.Step.One == "":
		return strings.TrimSuffix(fs[0].Title, ".")
	case n == 1:
		return rule.Step.One
	}
	return strings.Replace(rule.Step.Many, "%d", fmt.Sprint(n), 1)
}

// span sets the times of an incident. What is harmless does not prolong it, where there is more.
func (in *Incident) span() {
	all := !slices.ContainsFunc(in.Steps, func(s IncidentStep) bool { return s.Role != RoleHarmless })
	for _, s := range in.Steps {
		if s.Role == RoleHarmless && !all {
			continue
		}
		if in.First == 0 || s.First < in.First {
			in.First = s.First
		}
		in.Last = max(in.Last, s.Last)
	}
}

// originate says what set an incident off: the first of its causes that no other one led to.
func (in *Incident) originate(byRule map[string][]*Finding) {
	in.Cause.What = OriginUnknown
	at := slices.IndexFunc(in.Steps, func(s IncidentStep) bool { return s.Role == RoleCause })
	if at < 0 {
		return
	}
	first := &in.Steps[at]
	switch {
	case first.Rule == "RS104":
		in.Cause.What = OriginBefore
	case classOf(first.Rule, High) != Desync:
		in.Cause.What = first.Name
	}
	in.Cause.First, in.Cause.Last = first.First, first.Last
	in.Cause.Servers = serversOf(byRule[first.Rule])
	for _, fs := range byRule {
		for _, f := range fs {
			in.Cause.Timeout = max(in.Cause.Timeout, f.Timeout)
		}
	}
}

func serversOf(fs []*Finding) []netip.AddrPort {
	set := map[netip.AddrPort]bool{}
	for _, f := range fs {
		if f.Server.IsValid() {
			set[f.Server] = true
		}
	}
	all := slices.SortedFunc(maps.Keys(set), netip.AddrPort.Compare)
	return all[:min(len(all), maxNamed)]
}

// print names an incident so that a second recording of the same fault has the same name.
func (in *Incident) print(harm string, byRule map[string][]*Finding) string {
	if in.Library != "" {
		return hashed("IN", "", in.Library, in.Class.String()+" "+harm)
	}
	names := map[string]string{}
	for _, fs := range byRule {
		for _, f := range fs {
			names[addrText(f.Client)], names[addrPortText(f.Server)] = f.ClientName, f.ServerName
		}
	}
	who := func(addresses []string) string {
		named := false
		for i, a := range addresses {
			if name := names[a]; name != "" {
				addresses[i], named = "@"+name, true
			}
		}
		if named { // names have another order than addresses, and several of one role are one
			slices.Sort(addresses)
			addresses = slices.Compact(addresses)
		}
		text := ""
		for _, a := range addresses {
			text += a + " "
		}
		return text
	}
	var clients, servers []string
	for _, c := range in.Clients {
		clients = append(clients, addrText(c))
	}
	for _, s := range in.Servers {
		servers = append(servers, addrPortText(s))
	}
	return hashed("IN", "", who(clients)+who(servers), in.Class.String()+" "+harm)
}
