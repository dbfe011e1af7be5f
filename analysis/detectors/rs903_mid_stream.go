package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/reassembly"
)

// MidStream is RS903: connections that were open before the capture began.
func MidStream() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS903", Name: "mid-stream", Severity: incident.Info, Since: "0.1.0",
		Summary: "connections began before the capture",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &midWatch{r: r}
			w.sums = incident.Keep(r.Collector, incident.Texts[midStreams]{
				Title: func(_ *incident.Finding, m *midStreams) string { return m.title() },
				Notes: func(*incident.Finding, *midStreams) []string {
					return []string{"An offset created earlier shows only as RS104; the handshake, in which libraries name themselves, is not seen."}
				},
				Remedy: func(*incident.Finding, *midStreams) string {
					return "Start the capture before the clients, or restart one client while it runs."
				},
			})
			w.evidence = func() incident.Example { return midStreamExample(w.r.Run(), w.s) }
			return analysis.Hooks{Ended: w.ended}
		},
	}
}

// midWatch looks for connections without a SYN.
type midWatch struct {
	r        *analysis.Reporter
	sums     incident.Facts[midStreams]
	s        *analysis.Session // the connection at hand
	evidence func() incident.Example
}

// midStreams counts them.
type midStreams struct{ conns, anchored int64 }

func (w *midWatch) ended(e *analysis.Ended) {
	s := e.Session
	if s.Start != reassembly.MidStream || !decoded(s) {
		return
	}
	h := s.Hidden()
	o := hiding(s, incident.Info)
	w.s, o.Evidence = s, w.evidence // one function for all: there may be a million of them
	m := w.sums.Add(o)
	if m.conns++; h.Anchored {
		m.anchored++
	}
}

func midStreamExample(run *analysis.Run, s *analysis.Session) incident.Example {
	h := s.Hidden()
	how := "pairing was not anchored: it stays a guess"
	if h.Anchored {
		how = "pairing was anchored"
	}
	if h.Unanchored > 0 {
		how += fmt.Sprintf("; %s could not be tied to a command", counted(int64(h.Unanchored), "reply", "replies"))
	}
	return incident.Example{
		File: run.File(h.File), Frames: frames(h.Frame),
		Facts: []string{fmt.Sprintf("frame %d is its first packet, and no SYN", h.Frame), how},
	}
}

func (m *midStreams) title() string {
	return fmt.Sprintf("%s began before the capture; pairing was anchored at %s of them",
		counted(m.conns, "connection", "connections"), grouped(m.anchored))
}
