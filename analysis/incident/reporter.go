package incident

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/internal/bound"
)

// Rule is what a Collector must know of the rule that writes to it.
type Rule struct {
	ID, Name string // "RS101", "dirty-reuse"
	Summary  string // one line
	Params   []Param
	CausedBy []Cause
	Step     StepText
}

// Collector takes the occurrences of one rule and groups them: one group, one finding.
type Collector struct {
	rule   Rule
	reg    *Register
	groups map[groupID]*FindingGroup
	order  []*FindingGroup
	rest   *FindingGroup // all groups beyond the bound, as one row; nil: none
	counts RuleCount     // of a live run

	// Title, Remedy and Notes make the finding's texts once its numbers are known. A rule that keeps something of each
	// group gives them to Keep.
	Title, Remedy func(*Finding) string
	Notes         func(*Finding) []string

	texts    groupTexts // of Keep
	stepText func(fs []*Finding, n int) string
}

// Add takes an occurrence.
func (c *Collector) Add(o Occurrence) { c.add(&o) }

// add returns the group of the occurrence, nil where it is too weak to be reported.
func (c *Collector) add(o *Occurrence) *FindingGroup {
	if o.Confidence == pairing.Suppressed {
		if !c.reg.reporting.open {
			c.reg.suppressed++
		}
		return nil
	}
	g := c.groupOf(o)
	now := g.replace(c.reg, o)
	g.count(c.reg, o, now)
	if o.Weakened {
		c.reg.weakened[c.rule.ID] = true
	}
	c.reg.mark(o.Conn, c.rule.ID)
	if o.Evidence != nil {
		g.exemplify(c.reg, o, now)
	}
	return g
}

// groupOf finds or makes the group of an occurrence. Beyond the bound that is the row for all further groups.
func (c *Collector) groupOf(o *Occurrence) *FindingGroup {
	id := o.group()
	if g := c.groups[id]; g != nil {
		return g
	}
	if c.rest != nil && c.rest.more.has(id) {
		return c.rest
	}
	if c.reg.bounds.findings.Admits(len(c.order)) {
		g := c.newGroup(id, o)
		g.f.Fingerprint = fingerprint(c.rule.ID, id)
		c.groups[id] = g
		c.order = append(c.order, g)
		return g
	}
	if c.rest == nil {
		c.rest = c.newGroup(groupID{}, o)
		c.rest.f.Fingerprint = fingerprint(c.rule.ID, groupID{subject: "\x00more"})
		c.rest.more = newMoreRows()
	}
	c.rest.more.add(id, c.reg.bounds.further)
	return c.rest
}

func (c *Collector) newGroup(id groupID, o *Occurrence) *FindingGroup {
	return &FindingGroup{
		of: c,
		f: Finding{
			Rule: c.rule.ID, Name: c.rule.Name, Severity: o.Severity, Client: id.client, Server: id.server, Identity: Identity{Subject: id.subject},
			First: o.Time, Last: o.Time,
		},
		conns: map[int64]span{}, notes: map[string]bool{}, victims: map[string]int{}, commands: map[string]int{},
	}
}

// all returns the groups in the order in which they appeared, the row for further ones last.
func (c *Collector) all() []*FindingGroup {
	if c.rest == nil {
		return c.order
	}
	return append(c.order[:len(c.order):len(c.order)], c.rest)
}

// EvidenceBound returns a limit of what the rule keeps beside its groups: beyond it a fault may go unnoticed. It is named
// after the rule: "RS201 lost connections".
func (c *Collector) EvidenceBound(limit int, name, hides string) *bound.Bound {
	return c.reg.o.Bounds.New(bound.Bound{Name: c.rule.ID + " " + name, Limit: limit, Hides: hides, Loses: bound.Evidence})
}

// DetailBound returns a limit beyond which findings say less.
func (c *Collector) DetailBound(limit int, name, hides string) *bound.Bound {
	return c.reg.o.Bounds.New(bound.Bound{Name: c.rule.ID + " " + name, Limit: limit, Hides: hides, Loses: bound.Detail})
}

// finding completes a group. Where a text panics, which counts as a failure of the rule, the finding has the rule's
// summary for a title.
func (c *Collector) finding(g *FindingGroup) Finding {
	f := g.finding()
	if g.more != nil {
		f.More = g.more.size()
		f.Title = fmt.Sprintf("and %s: %s", g.more, c.rule.Summary)
		f.Remedy = fmt.Sprintf("A rule keeps %d findings apart. These are counted together: choose some with --client or --server to see which they are.",
			c.reg.bounds.findings.Limit)
		return f
	}
	t := c.textsOf(g)
	c.reg.guarded(func() { f.Title = t.title(&f) })
	if f.Title == "" {
		f.Title = c.rule.Summary
	}
	c.reg.guarded(func() { f.Remedy = t.remedy(&f) })
	c.reg.guarded(func() { f.Notes = append(f.Notes, t.notes(&f)...) })
	return f
}
