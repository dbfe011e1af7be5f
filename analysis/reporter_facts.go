package analysis

// Facts is a Collector for a rule that keeps a T of each of its groups: what its title, remedy and notes are made from.
type Facts[T any] struct{ c *Collector }

// Texts make a finding's texts from its numbers and from what the rule keeps of its group; nil for none.
type Texts[T any] struct {
	Title, Remedy func(*Finding, *T) string
	Notes         func(*Finding, *T) []string
	// Step words the rule's step of an incident, with n occurrences in all, where its StepText does not do.
	Step func(fs []*Finding, kept []*T, n int) string
}

// Keep gives each group of a rule a T of its own, the zero value at first.
func Keep[T any](c *Collector, t Texts[T]) Facts[T] {
	c.texts = func(g *FindingGroup) boundTexts {
		kept := factsOf[T](g)
		var b boundTexts
		if t.Title != nil {
			b.Title = func(f *Finding) string { return t.Title(f, kept) }
		}
		if t.Remedy != nil {
			b.Remedy = func(f *Finding) string { return t.Remedy(f, kept) }
		}
		if t.Notes != nil {
			b.Notes = func(f *Finding) []string { return t.Notes(f, kept) }
		}
		return b
	}
	if t.Step != nil {
		c.stepText = func(fs []*Finding, n int) string {
			var kept []*T
			for _, f := range fs {
				if g := c.reg.group(f); g != nil {
					kept = append(kept, factsOf[T](g))
				}
			}
			return t.Step(fs, kept, n)
		}
	}
	return Facts[T]{c}
}

// Add takes an occurrence and returns what is kept of its group. For an occurrence that is too weak to be reported that
// is a T which nobody reads.
func (k Facts[T]) Add(o Occurrence) *T {
	if g := k.c.add(&o); g != nil {
		return factsOf[T](g)
	}
	return new(T)
}

// factsOf returns what the rule keeps of a group.
func factsOf[T any](g *FindingGroup) *T {
	kept, ok := g.facts.(*T)
	if !ok {
		kept = new(T)
		g.facts = kept
	}
	return kept
}

// groupTexts gives the texts of one group.
type groupTexts func(*FindingGroup) boundTexts

// boundTexts are the makers of one finding's texts; nil for none.
type boundTexts struct {
	Title, Remedy func(*Finding) string
	Notes         func(*Finding) []string
}

func (c *Collector) textsOf(g *FindingGroup) boundTexts {
	if c.texts != nil {
		return c.texts(g)
	}
	return boundTexts{c.Title, c.Remedy, c.Notes}
}

func (t boundTexts) title(f *Finding) string {
	if t.Title == nil {
		return ""
	}
	return t.Title(f)
}

func (t boundTexts) remedy(f *Finding) string {
	if t.Remedy == nil {
		return ""
	}
	return t.Remedy(f)
}

func (t boundTexts) notes(f *Finding) []string {
	if t.Notes == nil {
		return nil
	}
	return t.Notes(f)
}
