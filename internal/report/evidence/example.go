package evidence

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/internal/report"
)

// Example comments the frames of a file with what example number j of a finding shows in them.
func (c *Cutter) Example(file int32, f *incident.Finding, j int) {
	e := &f.Examples[j]
	for k, frame := range e.Frames {
		text := fmt.Sprintf("%s %s, example %d", f.Rule, f.Name, j+1)
		if k == len(e.Frames)-1 && len(e.Facts) > 0 {
			text += ": " + e.Facts[0]
		}
		c.Comment(file, frame, report.Printable(text))
	}
	for k := range e.Ladder {
		s := &e.Ladder[k]
		text := s.What
		if s.Mark != "" {
			text += " (" + s.Mark + ")"
		}
		c.Comment(file, s.Frame, report.Printable(text))
	}
	for k := range e.Victims {
		v := &e.Victims[k]
		c.Comment(file, v.Frame, report.Printable(fmt.Sprintf("%s: the server meant %s; its caller got %s (%s)", v.Command, v.Meant, v.Got, v.Confidence)))
	}
}
