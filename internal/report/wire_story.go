package report

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
)

// storyWire is a story in JSON.
type storyWire struct {
	Sentence string     `json:"sentence"`
	Conn     int64      `json:"conn,omitempty"`
	Client   string     `json:"client,omitempty"`
	Server   string     `json:"server,omitempty"`
	Steps    []stepWire `json:"steps"`
}

type stepWire struct {
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

func storiesWire(stories []analysis.Story) (out []storyWire) {
	for i := range stories {
		s := &stories[i]
		w := storyWire{
			Sentence: Printable(s.Sentence), Conn: s.Conn, Client: addrPortText(s.Client), Server: addrPortText(s.Server), Steps: []stepWire{},
		}
		for j := range s.Steps {
			x := &s.Steps[j]
			w.Steps = append(w.Steps, stepWire{
				Rule: Printable(x.Rule), Name: Printable(x.Name), Findings: orEmpty(printables(x.Findings)), First: stamp(x.First), Last: stamp(x.Last),
				Count: x.Count, What: Printable(x.What), Example: Printable(x.Example), Frames: x.Frames, Time: stamp(x.Time),
			})
		}
		out = append(out, w)
	}
	return out
}

func storiesOf(wire []storyWire) (out []analysis.Story) {
	for i := range wire {
		w := &wire[i]
		s := analysis.Story{Sentence: w.Sentence, Conn: w.Conn}
		s.Client, _ = netip.ParseAddrPort(w.Client)
		s.Server, _ = netip.ParseAddrPort(w.Server)
		for j := range w.Steps {
			x := &w.Steps[j]
			s.Steps = append(s.Steps, analysis.StoryStep{
				Rule: x.Rule, Name: x.Name, Findings: x.Findings, First: timeOf(x.First), Last: timeOf(x.Last), Count: x.Count, What: x.What,
				Example: x.Example, Frames: x.Frames, Time: timeOf(x.Time),
			})
		}
		out = append(out, s)
	}
	return out
}

func timeOf(s *Stamp) capture.Time {
	if s == nil {
		return 0
	}
	return capture.Time(*s)
}
