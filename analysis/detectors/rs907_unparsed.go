package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/reassembly"
)

// Unparsed is RS907: what could not be read as Redis traffic: other protocols, bytes that are no RESP on connections that
// are, and packets that could not be decoded at all.
func Unparsed() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS907", Name: "unparsed", Severity: analysis.Info, Since: "0.1.0",
		Summary: "connections or bytes that are no Redis traffic",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &unparsedWatch{r: r}
			w.sums = analysis.Keep(r.Collector, analysis.Texts[unread]{
				Title: func(_ *analysis.Finding, u *unread) string { return u.title() },
				Notes: func(_ *analysis.Finding, u *unread) []string {
					if u.conns == 0 && u.places == 0 {
						return nil
					}
					return []string{"No rule but RS2xx judged them."}
				},
				Remedy: func(*analysis.Finding, *unread) string {
					return "If this should be Redis: give its port (--port), and look with 'respsniff dump --stage segments'. Else filter it out when capturing."
				},
			})
			return analysis.Hooks{Ended: w.ended, Oddity: w.odd, Finish: w.finish}
		},
	}
}

// unparsedWatch looks for what could not be read.
type unparsedWatch struct {
	r    *analysis.Reporter
	sums analysis.Facts[unread]
}

// unread counts it.
type unread struct {
	conns  int64 // of another protocol
	places int64 // in Redis connections
	faults [reassembly.Faults]int64
}

func (w *unparsedWatch) ended(e *analysis.Ended) {
	s := e.Session
	if s.Kind != analysis.Unparsed {
		return
	}
	o := hiding(s, analysis.Info)
	o.Evidence = func() analysis.Example {
		h := s.Hidden()
		return analysis.Example{
			File: w.r.Run().File(h.File), Frames: frames(h.Frame),
			Facts: []string{fmt.Sprintf("the payload does not begin like RESP: %s of the client, %s of the server, none decoded",
				counted(h.Bytes[0], "byte", "bytes"), counted(h.Bytes[1], "byte", "bytes"))},
		}
	}
	w.sums.Add(o).conns++
}

func (w *unparsedWatch) odd(e *analysis.Oddity) {
	if e.What != analysis.BadRequest && e.What != analysis.BadReply {
		return
	}
	o := hiding(analysis.SessionOf(e.Session), analysis.Info)
	o.Time, o.Last = e.Time, e.Time
	o.Evidence = func() analysis.Example {
		what := "no request"
		if e.What == analysis.BadReply {
			what = "no reply"
		}
		return analysis.Example{
			File: w.r.Run().File(e.File), Frames: frames(e.Frame),
			Facts: []string{fmt.Sprintf("frame %d, seq %d: bytes of the %s are %s: %s", e.Frame, rel(e.Offset),
				sideName(e.What == analysis.BadRequest), what, e.Text)},
		}
	}
	w.sums.Add(o).places++
}

func (w *unparsedWatch) finish(r *analysis.Run) {
	faults := r.Quality().Stats.Undecodable
	n := int64(0)
	for _, f := range faults {
		n += f
	}
	if n > 0 {
		o := ofCapture(r, analysis.Info)
		o.Count = int(n)
		u := w.sums.Add(o)
		for i, f := range faults {
			u.faults[i] += f
		}
	}
}

func (u *unread) title() string {
	var parts []string
	if u.conns > 0 {
		parts = append(parts, counted(u.conns, "connection is", "connections are")+" no Redis traffic")
	}
	if u.places > 0 {
		parts = append(parts, counted(u.places, "place", "places")+" in Redis connections could not be read")
	}
	for fault, n := range u.faults {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s could not be decoded (%s)", counted(n, "packet", "packets"), reassembly.Fault(fault)))
		}
	}
	return strings.Join(parts, ", ")
}
