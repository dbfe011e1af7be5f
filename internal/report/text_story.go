package report

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
)

// maxStories bounds the stories that the text tells; the others are counted.
const maxStories = 3

// stories prints how findings led to one another: for each story its sentence, then its steps, with what they were on
// one connection and the frames that show it.
func (t *textWriter) stories() {
	t.print("\nThe story, first cause first\n")
	for i := range t.d.Stories {
		if i == maxStories {
			t.printf("  and %s more\n", countAs(int64(len(t.d.Stories)-i), "story", "stories"))
			break
		}
		t.story(&t.d.Stories[i])
	}
}

func (t *textWriter) story(s *analysis.Story) {
	if len(s.Steps) == 0 {
		return
	}
	t.print(hang("  * ", "    ", Printable(s.Sentence), textWidth))
	if s.Conn > 0 {
		t.print(hang("    ", "    ", Printable(fmt.Sprintf("As seen on connection %d, %s -> %s:", s.Conn, s.Client, s.Server)), textWidth))
	}
	var before capture.Time
	for i := range s.Steps {
		x := &s.Steps[i]
		what := x.Example
		if what == "" {
			continue
		}
		if frames := frameList(x.Frames); frames != "" {
			what += " (" + frames + ")"
		}
		t.print(hang("    "+t.o.Clock.Short(x.Time, before)+"  "+x.Rule+"  ", "                            ", Printable(what), textWidth))
		before = x.Time
	}
}

// frameList names frames: "frame 7", "frames 7, 9".
func frameList(frames []int64) string {
	if len(frames) == 0 {
		return ""
	}
	words := make([]string, len(frames))
	for i, f := range frames {
		words[i] = itoa(f)
	}
	if len(words) == 1 {
		return "frame " + words[0]
	}
	return "frames " + strings.Join(words, ", ")
}
