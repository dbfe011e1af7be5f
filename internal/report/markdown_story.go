package report

import "github.com/respsniff/respsniff/analysis/incident"

// stories shows how findings led to one another, or lists the findings by cause where no incident was made of them.
func (m *markdownWriter) stories(d *Document, shown []*incident.Finding) {
	told, more := tellStories(d.Incidents, m.clock)
	links := Chain(shown)
	if len(told) == 0 && len(links) < 2 {
		return
	}
	m.printf("\n## The story, first cause first\n")
	if len(told) == 0 {
		m.printf("\n")
		for i, f := range links {
			m.printf("%d. %s %s %s: %s\n", i+1, md(m.clock.Short(f.First, 0)), md(f.Rule), md(f.Name), md(f.Title))
		}
	}
	for i := range told {
		m.story(&told[i])
	}
	if more > 0 {
		m.printf("\nand %s more\n", countAs(int64(more), "story", "stories"))
	}
}

func (m *markdownWriter) story(s *toldStory) {
	m.printf("\n%s\n", md(s.Sentence))
	if s.Place != "" {
		m.printf("\n%s\n", md(s.Place))
	}
	if len(s.Steps) > 0 {
		m.printf("\n| Time | Rule | What happened |\n|---|---|---|\n")
	}
	for _, x := range s.Steps {
		m.printf("| %s | %s %s | %s |\n", md(x.Time), md(x.Rule), md(x.Name), md(x.What))
	}
}
