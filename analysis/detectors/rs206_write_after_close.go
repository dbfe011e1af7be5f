package detectors

import (
	"fmt"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/reassembly"
)

// WriteAfterClose is RS206: a command written into a connection that the server had closed.
func WriteAfterClose() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS206", Name: "write-after-close", Severity: incident.Medium, Since: "0.1.0",
		Summary: "a command was written into a connection that the server had closed, and was reset",
		CausedBy: []incident.Cause{
			{Rules: []string{"RS204"}, Share: incident.SameEnds},
		},
		Step: incident.StepText{One: "1 command was written into a closed connection", Many: "%d commands were written into closed connections"},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &lateWrites{r: r}
			w.groups = incident.Keep(r.Collector, incident.Texts[closings]{
				Title: func(f *incident.Finding, _ *closings) string {
					return fmt.Sprintf("%s written into connections that the server had closed", was(f.Count, "command"))
				},
				Remedy: func(_ *incident.Finding, c *closings) string { return c.remedy() },
				Notes:  func(f *incident.Finding, c *closings) []string { return c.notes(f) },
			})
			return analysis.Hooks{Control: w.control}
		},
	}
}

// lateWrites collects writes that were answered by a reset.
type lateWrites struct {
	r      *analysis.Reporter
	groups incident.Facts[closings]
}

// closings counts why the server had closed the connections of one group.
type closings struct {
	full, idle, other int
	timeouts          map[int]int // settings of `timeout` that fit, in seconds
}

// TakeOff is of incident.Lessened.
func (c *closings) TakeOff(before any) {
	if b, ok := before.(*closings); ok {
		c.full, c.idle, c.other = c.full-b.full, c.idle-b.idle, c.other-b.other
	}
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
	ex := s.LastExchange()
	if s.Kind == pairing.TLS || s.Kind == pairing.Unparsed || ex == nil || ex.End <= f.Late.Seq {
		return // an alert of TLS, or bytes that are no command: nobody waits for their reply
	}
	run := w.r.Run()
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: f.Late.Time, Last: c.Segment.Time, Severity: incident.Medium,
		Confidence: pairing.Proven,
	}
	sides := &c.Segment.Conn.Sides
	o.Weakened = sides[0].Lost+sides[1].Lost > 0
	if o.Weakened || sides[0].Cut > 0 || s.Start == reassembly.MidStream && s.Commands() <= 1 {
		o.Confidence = pairing.Possible // a QUIT may be among what was lost, cut off, or sent before the capture began
	}
	why := "why the server closed does not show here (failover, CLIENT KILL, restart)"
	idle := f.ServerTimeout()
	switch {
	case s.RejectedAtAccept():
		why = "the server was at maxclients and had refused the connection (RS204)"
	case idle > 0:
		why = fmt.Sprintf("the server closed after %s of silence, in the second that its setting `timeout %d` gives", seconds(f.IdleAtFIN), idle)
	}
	name := ex.CommandName()
	o.Commands = map[string]int{name: 1}
	o.Evidence = func() incident.Example {
		rst := pools.Mark{Frame: c.Segment.Frame, Time: c.Segment.Time, Seq: c.Segment.Offset, Ack: c.Segment.Ack, File: c.Segment.File}
		return incident.Example{
			File: run.File(f.Late.File), Frames: frames(f.ServerFIN.Frame, f.Late.Frame, c.Segment.Frame),
			Facts: []string{
				fmt.Sprintf("%s (frame %d) was written %s after the server's FIN (frame %d) and reset %s later (frame %d)", name, f.Late.Frame,
					seconds(f.Late.Time.Sub(f.ServerFIN.Time)), f.ServerFIN.Frame, ms(c.Segment.Time.Sub(f.Late.Time)), c.Segment.Frame),
				fmt.Sprintf("its ack %d covers the FIN at %d: the client's kernel knew that the server had closed", rel(f.Late.Ack), rel(f.ServerFIN.Seq)),
				why,
			},
			Ladder: []incident.Step{
				step(f.ServerFIN, false, "FIN", "the server closes"),
				step(f.Late, true, name, "written into the closed connection"),
				step(rst, false, "RST", "nobody is there"),
			},
		}
	}
	w.groups.Add(o).count(s.RejectedAtAccept(), idle)
}

// count adds a connection that the server closed because it was full, or after so many seconds of silence.
func (c *closings) count(full bool, idle int) {
	switch {
	case full:
		c.full++
	case idle > 0:
		c.idle++
		if c.timeouts == nil {
			c.timeouts = map[int]int{}
		}
		c.timeouts[idle]++
	default:
		c.other++
	}
}

func (c *closings) notes(f *incident.Finding) []string {
	notes := []string{fmt.Sprintf("counted are writes that the capture shows: the first on each closed connection. Every further write there fails inside "+
		"the client (EPIPE, \"Broken pipe\", \"Connection reset\") and sends no packet, so the program's log has more than these %d", f.Count)}
	if c.full > 0 {
		notes = append(notes, fmt.Sprintf("%d of them on connections that the server had refused at maxclients (RS204)", c.full))
	}
	return notes
}

func (c *closings) remedy() string {
	switch {
	case c.idle >= max(c.full, c.other, 1):
		best, most := 0, 0
		for t, n := range c.timeouts {
			if n > most || n == most && t < best {
				best, most = t, n
			}
		}
		return fmt.Sprintf("The server's timeout is %d s: set testWhileIdle or a keep-alive PING below it, or the server's `timeout` to 0.", best)
	case c.full >= max(c.other, 1):
		return "The server is at maxclients and closes each new connection at once; the next write meets the closed socket. See RS204."
	}
	return "The server closed these connections and the client did not notice. Test connections before use (testOnBorrow, testWhileIdle), and see " +
		"whether the server was restarted or failed over, or a client was killed."
}
