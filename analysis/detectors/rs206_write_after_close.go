package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/reassembly"
)

// WriteAfterClose is RS206: a command written into a connection that the server had closed.
func WriteAfterClose() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS206", Name: "write-after-close", Severity: analysis.Medium, Since: "0.1.0",
		Summary: "a command was written into a connection that the server had closed, and was reset",
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &lateWrites{r: r, causes: map[string]map[string]int{}, timeouts: map[string]map[int]int{}}
			r.Title = func(f *analysis.Finding) string {
				return fmt.Sprintf("%s written into connections that the server had closed", was(f.Count, "command"))
			}
			r.Remedy = w.remedy
			r.Notes = w.notes
			return analysis.Hooks{Control: w.control}
		},
	}
}

// Causes for which a server closes a connection.
const (
	causeFull  = "maxclients"
	causeIdle  = "idle"
	causeOther = "other"
)

// maxLateGroups bounds the groups of which causes are counted.
const maxLateGroups = 1 << 11

// lateWrites collects writes that met a reset.
type lateWrites struct {
	r        *analysis.Reporter
	causes   map[string]map[string]int // by fingerprint
	timeouts map[string]map[int]int    // settings of `timeout` that fit, in seconds, by fingerprint
}

func (w *lateWrites) control(c *analysis.Control) {
	if c.FromClient || c.Segment.Flags&reassembly.RST == 0 {
		return
	}
	s := c.Session
	f := s.Facts()
	if !f.ServerFIN.Seen() || !f.Late.Seen() || f.ServerRST.Seen() || f.Quit && !s.RejectedAtAccept() {
		return // what stands behind QUIT is not answered by design
	}
	run := w.r.Run()
	o := analysis.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: f.Late.Time, Last: c.Segment.Time, Severity: analysis.Medium,
		Confidence: analysis.Proven,
	}
	sides := &c.Segment.Conn.Sides
	o.Weakened = sides[0].Lost+sides[1].Lost > 0
	if o.Weakened || sides[0].Cut > 0 || s.Start == reassembly.MidStream && s.Commands() <= 1 {
		o.Confidence = analysis.Possible // a QUIT may be among what was lost, cut off, or sent before the capture began
	}
	id := w.r.Fingerprint(o)
	if w.causes[id] == nil && len(w.causes) >= maxLateGroups {
		id = "" // the groups beyond the bound share their counts
	}
	if w.causes[id] == nil {
		w.causes[id], w.timeouts[id] = map[string]int{}, map[int]int{}
	}
	cause, why := causeOther, "why the server closed does not show here (failover, CLIENT KILL, restart)"
	idle := f.ServerTimeout()
	switch {
	case s.RejectedAtAccept():
		cause, why = causeFull, "the server was at maxclients and had refused the connection (RS204)"
	case idle > 0:
		cause = causeIdle
		why = fmt.Sprintf("the server closed after %s of silence, in the second that its setting `timeout %d` gives", seconds(f.IdleAtFIN), idle)
		w.timeouts[id][idle]++
	}
	w.causes[id][cause]++
	name := "data"
	if ex := s.LastExchange(); ex != nil {
		name = ex.CommandName()
		o.Commands = map[string]int{name: 1}
	}
	o.Evidence = func() analysis.Example {
		rst := analysis.Mark{Frame: c.Segment.Frame, Time: c.Segment.Time, Seq: c.Segment.Offset, Ack: c.Segment.Ack, File: c.Segment.File}
		return analysis.Example{
			File: run.File(f.Late.File), Frames: frames(f.ServerFIN.Frame, f.Late.Frame, c.Segment.Frame),
			Facts: []string{
				fmt.Sprintf("%s (frame %d) was written %s after the server's FIN (frame %d) and reset %s later (frame %d)", name, f.Late.Frame,
					seconds(f.Late.Time.Sub(f.ServerFIN.Time)), f.ServerFIN.Frame, ms(c.Segment.Time.Sub(f.Late.Time)), c.Segment.Frame),
				fmt.Sprintf("its ack %d covers the FIN at %d: the client's kernel knew that the server had closed", rel(f.Late.Ack), rel(f.ServerFIN.Seq)),
				why,
			},
			Ladder: []analysis.Step{
				step(f.ServerFIN, false, "FIN", "the server closes"),
				step(f.Late, true, name, "written into the closed connection"),
				step(rst, false, "RST", "nobody is there"),
			},
		}
	}
	w.r.Add(o)
}

func (w *lateWrites) notes(f *analysis.Finding) []string {
	c := w.causes[f.Fingerprint]
	notes := []string{fmt.Sprintf("counted are writes that the capture shows: the first on each closed connection. Every further write there fails inside "+
		"the client (EPIPE, \"Broken pipe\", \"Connection reset\") and sends no packet, so the program's log has more than these %d", f.Count)}
	if n := c[causeFull]; n > 0 {
		notes = append(notes, fmt.Sprintf("%d of them on connections that the server had refused at maxclients (RS204)", n))
	}
	return notes
}

func (w *lateWrites) remedy(f *analysis.Finding) string {
	c := w.causes[f.Fingerprint]
	switch {
	case c[causeIdle] >= max(c[causeFull], c[causeOther], 1):
		best, most := 0, 0
		for t, n := range w.timeouts[f.Fingerprint] {
			if n > most || n == most && t < best {
				best, most = t, n
			}
		}
		return fmt.Sprintf("The server's timeout is %d s: set testWhileIdle or a keep-alive PING below it, or the server's `timeout` to 0.", best)
	case c[causeFull] >= max(c[causeOther], 1):
		return "The server is at maxclients and closes each new connection at once; the next write meets the closed socket. See RS204."
	}
	return "The server closed these connections and the client did not notice. Test connections before use (testOnBorrow, testWhileIdle), and see " +
		"whether the server was restarted or failed over, or a client was killed."
}
