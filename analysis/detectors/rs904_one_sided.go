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
			r.Title = w.title
			r.Notes = func(*analysis.Finding) []string {
				if w.client == 0 {
					return []string{"Without requests no command can be judged: all of RS1xx are silent."}
				}
				return []string{"ACK-based findings of the client's side remain valid (RS101); rules that need replies are silent (RS102 to RS108, RS3xx, RS4xx)."}
			}
			r.Remedy = func(*analysis.Finding) string {
				return "Capture where both directions pass: on the client or the server itself, or on both ports of an asymmetric route."
			}
			return analysis.Hooks{Ended: w.ended}
		},
	}
}

// sideWatch counts connections of which one side was seen.
type sideWatch struct {
	r              *analysis.Reporter
	client, server int64 // only this side
}

func (w *sideWatch) ended(e *analysis.Ended) {
	s := e.Session
	client, only := s.OnlySide()
	if !only || !decoded(s) {
		return
	}
	if client {
		w.client++
	} else {
		w.server++
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
	w.r.Add(o)
}

func (w *sideWatch) title(*analysis.Finding) string {
	var parts []string
	if w.client > 0 {
		parts = append(parts, "only the client's side of "+counted(w.client, "connection", "connections")+" was captured")
	}
	if w.server > 0 {
		parts = append(parts, "only the server's side of "+counted(w.server, "connection", "connections")+" was captured")
	}
	return strings.Join(parts, ", ")
}
