package report

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// maxStories bounds the incidents that reports for people show; the others are counted.
const maxStories = 3

// toldStory is an incident in printable words.
type toldStory struct {
	Sentence string
	Place    string // the connection that the steps follow; empty where there is none
	Steps    []toldStep
}

// toldStep is one step of an incident on its example connection, with the frames that show it.
type toldStep struct{ Time, Rule, Name, What string }

// tellStories makes the texts of the first incidents and counts the others.
func tellStories(stories []incident.Incident, c Clock) (told []toldStory, more int) {
	for i := range stories {
		switch {
		case len(stories[i].Steps) == 0:
		case len(told) == maxStories:
			more++
		default:
			told = append(told, tellStory(&stories[i], c))
		}
	}
	return told, more
}

func tellStory(s *incident.Incident, c Clock) toldStory {
	told := toldStory{Sentence: Printable(s.Sentence)}
	if s.Conn > 0 {
		told.Place = fmt.Sprintf("As seen on connection %d, %s:", s.Conn, endpoints(s.Client, s.Server))
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
		told.Steps = append(told.Steps, toldStep{c.Short(x.Time, before), Printable(x.Rule), Printable(x.Name), Printable(what)})
		before = x.Time
	}
	return told
}

// frameList names frames: "frame 7", "frames 7, 9".
func frameList(frames []int64) string {
	switch len(frames) {
	case 0:
		return ""
	case 1:
		return "frame " + itoa(frames[0])
	}
	return "frames " + strings.ReplaceAll(framesText(frames), " ", ", ")
}
