package detectors

import (
	"fmt"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/reassembly"
)

// Unparsed is RS907: what could not be read as Redis traffic: other protocols, bytes that are no RESP on connections that
// are, and packets that could not be decoded at all.
func Unparsed() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS907", Name: "unparsed", Severity: incident.Info, Since: "0.1.0",
		Summary: "connections or bytes that are no Redis traffic",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &unparsedWatch{r: r}
			w.sums = incident.Keep(r.Collector, incident.Texts[unread]{
				Title: func(_ *incident.Finding, u *unread) string { return u.title() },
				Notes: func(_ *incident.Finding, u *unread) []string {
					if u.conns == 0 && u.places == 0 {
						return nil
					}
					return []string{"No rule but RS2xx judged them."}
				},
				Remedy: func(*incident.Finding, *unread) string {
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
	sums incident.Facts[unread]
}

// unread counts it.
type unread struct {
	conns  int64 // of another protocol
	places int64 // in Redis connections
	faults [reassembly.Faults]int64
	// unfinished are replies that their server had not finished when it closed, or when the capture ended inside of them.
	unfinished int64
	fragments  int64 // packets of which fragments are missing, or contradict each other
	conflicts  int64 // retransmissions with other bytes
	tunnels    reassembly.Unread
}

func (w *unparsedWatch) ended(e *analysis.Ended) {
	s := e.Session
	if s.Kind != pairing.Unparsed {
		w.unfinished(s)
		return
	}
	o := hiding(s, incident.Info)
	o.Evidence = func() incident.Example {
		h := s.Hidden()
		return incident.Example{
			File: w.r.Run().File(h.File), Frames: frames(h.Frame),
			Facts: []string{fmt.Sprintf("the payload does not begin like RESP: %s of the client, %s of the server, none decoded",
				counted(h.Bytes[0], "byte", "bytes"), counted(h.Bytes[1], "byte", "bytes"))},
		}
	}
	w.sums.Add(o).conns++
}

// unfinished takes a reply that was open at the end of its connection: one inside whose elements the stream stood, or which the
// server itself broke off. What a loss cut off is reported as that, and what a client did not wait for is no loss.
func (w *unparsedWatch) unfinished(s *analysis.Session) {
	r, open := s.Answers.Open()
	if !open || s.Lossy() || s.Kind == pairing.Replication {
		return
	}
	client, server := &s.Closing[pairing.RoleClient], &s.Closing[pairing.RoleServer]
	brokenOff := (server.Fin || server.Rst) && (!client.Fin && !client.Rst || server.Time < client.Time)
	if inside := r.Kind.Aggregate() && !r.Boundary; !inside && !brokenOff {
		return
	}
	o := hiding(s, incident.Info)
	o.Evidence = func() incident.Example {
		return incident.Example{
			Facts: []string{fmt.Sprintf("the reply that begins at seq %d of the server, of type %s, was not finished: %s of it had come",
				rel(r.Start), r.Kind, counted(s.Answers.Offset()-r.Start, "byte", "bytes"))},
		}
	}
	w.sums.Add(o).unfinished++
}

func (w *unparsedWatch) odd(e *pairing.Oddity) {
	if e.What != pairing.BadRequest && e.What != pairing.BadReply {
		return
	}
	o := hiding(analysis.SessionOf(e.Session), incident.Info)
	o.Time, o.Last = e.Time, e.Time
	o.Evidence = func() incident.Example {
		what := "no request"
		if e.What == pairing.BadReply {
			what = "no reply"
		}
		return incident.Example{
			File: w.r.Run().File(e.File), Frames: frames(e.Frame),
			Facts: []string{fmt.Sprintf("frame %d, seq %d: bytes of the %s are %s: %s", e.Frame, rel(e.Offset),
				sideName(e.What == pairing.BadRequest), what, e.Text)},
		}
	}
	w.sums.Add(o).places++
}

func (w *unparsedWatch) finish(r *analysis.Run) {
	q := r.Quality()
	hidden := q.Unread.Tunnels()
	for c := range hidden { // those are among the packets that could not be decoded
		if c.Space == reassembly.Links {
			delete(hidden, c)
		}
	}
	n := q.Stats.FragmentsDropped + q.Stats.Conflicts
	for _, f := range q.Stats.Undecodable {
		n += f
	}
	for _, f := range hidden {
		n += f
	}
	if n == 0 {
		return
	}
	o := ofCapture(r, incident.Info)
	o.Count = int(n)
	u := w.sums.Add(o)
	for i, f := range q.Stats.Undecodable {
		u.faults[i] += f
	}
	u.fragments += q.Stats.FragmentsDropped
	u.conflicts += q.Stats.Conflicts
	u.tunnels = hidden
}

func (u *unread) title() string {
	var parts []string
	if u.conns > 0 {
		parts = append(parts, counted(u.conns, "connection is", "connections are")+" no Redis traffic")
	}
	if u.places > 0 {
		parts = append(parts, counted(u.places, "place", "places")+" in Redis connections could not be read")
	}
	if u.unfinished > 0 {
		parts = append(parts, counted(u.unfinished, "reply was", "replies were")+" never finished")
	}
	if u.fragments > 0 {
		parts = append(parts, counted(u.fragments, "fragmented packet", "fragmented packets")+" could not be put together")
	}
	if u.conflicts > 0 {
		parts = append(parts, counted(u.conflicts, "retransmission has", "retransmissions have")+" other bytes than the first copy, which counts")
	}
	for _, c := range u.tunnels.Ranked() {
		parts = append(parts, fmt.Sprintf("%s not read: %s", counted(u.tunnels[c], "packet is", "packets are"), c))
	}
	for fault, n := range u.faults {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s could not be decoded (%s)", counted(n, "packet", "packets"), reassembly.Fault(fault)))
		}
	}
	return strings.Join(parts, ", ")
}
