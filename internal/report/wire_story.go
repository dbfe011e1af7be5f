package report

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis/incident"
)

// storyWire is an incident in JSON.
type storyWire struct {
	Sentence string          `json:"sentence"`
	Conn     int64           `json:"conn,omitempty"`
	Client   string          `json:"client,omitempty"`
	Server   string          `json:"server,omitempty"`
	Steps    []storyStepWire `json:"steps"`
}

type storyStepWire struct {
	Rule     string   `json:"rule"`
	Name     string   `json:"name"`
	Findings []string `json:"findings"`
	First    *Stamp   `json:"first,omitempty"`
	Last     *Stamp   `json:"last,omitempty"`
	Count    int      `json:"count"`
	What     string   `json:"what"`
	Example  string   `json:"example,omitempty"`
	Frames   []int64  `json:"frames,omitempty"`
	Time     *Stamp   `json:"time,omitempty"`
}

func wireStories(stories []incident.Incident) (out []storyWire) {
	for i := range stories {
		s := &stories[i]
		w := storyWire{
			Sentence: Printable(s.Sentence), Conn: s.Conn, Client: addrPortText(s.Client), Server: addrPortText(s.Server), Steps: []storyStepWire{},
		}
		for j := range s.Steps {
			x := &s.Steps[j]
			w.Steps = append(w.Steps, storyStepWire{
				Rule: Printable(x.Rule), Name: Printable(x.Name), Findings: orEmpty(printables(x.Findings)), First: stamp(x.First), Last: stamp(x.Last),
				Count: x.Count, What: Printable(x.What), Example: Printable(x.Example), Frames: x.Frames, Time: stamp(x.Time),
			})
		}
		out = append(out, w)
	}
	return out
}

// unwireStories is the inverse of wireStories.
func unwireStories(wire []storyWire) (out []incident.Incident, err error) {
	for i := range wire {
		w := &wire[i]
		s := incident.Incident{Sentence: w.Sentence, Conn: w.Conn}
		if s.Client, err = parseAddrPort(w.Client); err != nil {
			return nil, fmt.Errorf("story %d: %w", i+1, err)
		}
		if s.Server, err = parseAddrPort(w.Server); err != nil {
			return nil, fmt.Errorf("story %d: %w", i+1, err)
		}
		for j := range w.Steps {
			x := &w.Steps[j]
			s.Steps = append(s.Steps, incident.CauseStep{
				Rule: x.Rule, Name: x.Name, Findings: x.Findings, First: moment(x.First), Last: moment(x.Last), Count: x.Count, What: x.What,
				Example: x.Example, Frames: x.Frames, Time: moment(x.Time),
			})
		}
		out = append(out, s)
	}
	return out, nil
}
