package report

// stories prints how findings led to one another: for each incident its sentence, then its steps.
func (t *textWriter) stories() {
	t.print("\nThe story, first cause first\n")
	told, more := tellStories(t.d.Incidents, t.o.Clock)
	for i := range told {
		t.story(&told[i])
	}
	if more > 0 {
		t.printf("  and %s more\n", countAs(int64(more), "story", "stories"))
	}
}

func (t *textWriter) story(s *toldStory) {
	t.print(hang("  * ", "    ", s.Sentence, textWidth))
	if s.Place != "" {
		t.print(hang("    ", "    ", s.Place, textWidth))
	}
	for _, x := range s.Steps {
		t.print(hang("    "+x.Time+"  "+x.Rule+"  ", "                            ", x.What, textWidth))
	}
}
