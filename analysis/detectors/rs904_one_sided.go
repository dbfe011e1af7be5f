package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
)

// OneSided is RS904: connections of which the capture has one direction only.
func OneSided() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS904", Name: "one-sided", Severity: analysis.Low, Since: "0.1.0",
		Summary: "one direction of connections was not captured",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &sideWatch{r: r}
			w.sums = analysis.Keep(r.Collector, analysis.Texts[oneSides]{
				Title: func(_ *analysis.Finding, n *oneSides) string { return n.title() },
				Notes: func(_ *analysis.Finding, n *oneSides) []string {
					if n.client == 0 {
						return []string{"Without requests no command can be judged: all of RS1xx are silent."}
					}
					return []string{"ACK-based findings of the client's side remain valid (RS101); rules that need replies are silent (RS102 to RS108, RS3xx, RS4xx)."}
				},
				Remedy: func(*analysis.Finding, *oneSides) string {
					return "Capture where both directions pass: on the client or the server itself, or on both ports of an asymmetric route."
				},
			})
			return analysis.Hooks{Ended: w.ended}
		},
	}
}

// sideWatch looks for connections of which one side was seen.
type sideWatch struct {
	r    *analysis.Reporter
	sums analysis.Facts[oneSides]
}

// oneSides counts them, by the side that was seen.
type oneSides struct{ client, server int64 }

func (w *sideWatch) ended(e *analysis.Ended) {
	s := e.Session
	client, only := s.OnlySide()
	if !only || !decoded(s) {
		return
	}
	h := s.Hidden()
	run := w.r.Run()
	o := hiding(s, analysis.Low)
	o.Evidence = func() analysis.Example {
		return analysis.Example{
			File: run.File(h.File), Frames: frames(h.Frame),
			Facts: []string{fmt.Sprintf("%s of the %s were captured, and no packet of the %s",
				counted(h.Bytes[0]+h.Bytes[1], "byte", "bytes"), sideName(client), sideName(!client))},
		}
	}
	if n := w.sums.Add(o); client {
		n.client++
	} else {
		n.server++
	}
}

func (n *oneSides) title() string {
	var parts []string
	if n.client > 0 {
		parts = append(parts, "only the client's side of "+counted(n.client, "connection", "connections")+" was captured")
	}
	if n.server > 0 {
		parts = append(parts, "only the server's side of "+counted(n.server, "connection", "connections")+" was captured")
	}
	return strings.Join(parts, ", ")
}
