package report

import "github.com/respsniff/respsniff/analysis/incident"

// newsWire is why a live run tells of a finding.
type newsWire struct {
	News     string       `json:"news"`
	At       *Stamp       `json:"told,omitempty"`
	Quiet    float64      `json:"quiet_seconds,omitempty"`
	Conns    int          `json:"new_connections,omitempty"`
	Closed   int          `json:"closed,omitempty"`
	CaughtUp int          `json:"caught_up,omitempty"`
	Latest   *exampleWire `json:"latest,omitempty"`
}

func wireNews(e *incident.Early) *newsWire {
	if e == nil {
		return nil
	}
	w := &newsWire{News: e.News.String(), At: stamp(e.At), Quiet: e.Quiet.Seconds(), Conns: e.Conns, Closed: e.Closed, CaughtUp: e.CaughtUp}
	if e.Latest != nil {
		x := wireExample(e.Latest)
		w.Latest = &x
	}
	return w
}
