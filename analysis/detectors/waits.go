package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/capture"
)

// maxWaitsKept bounds the waits that one rule remembers until the client's habits are known; further ones are not told.
const maxWaitsKept = 1 << 13

// waits collects the callers that stopped waiting for a reply.
type waits struct {
	run  *analysis.Run
	all  []*wait
	open map[waitKey]*wait // not yet settled
}

type waitKey struct {
	conn  int64
	index int
}

// wait is one caller that went on without its reply.
type wait struct {
	who        analysis.Occurrence
	group      *analysis.Group
	how        analysis.GaveUp
	gap        time.Duration
	frame      int64 // of what the client did instead
	at         capture.Time
	ask        analysis.Step // the command
	name       string
	file       int32
	sent       capture.Time // its last byte
	ackedAfter time.Duration
	acked      analysis.Mark
	served     bool
	reply      analysis.Step
	replyAfter time.Duration // from the command to the reply's first byte
}

func newWaits(r *analysis.Reporter) *waits {
	return &waits{run: r.Run(), open: map[waitKey]*wait{}}
}

// waited takes a caller that stopped waiting.
func (w *waits) waited(e *analysis.WaitEnded) {
	g := e.Session.Group()
	if g == nil || len(w.all) >= maxWaitsKept || e.How == analysis.GaveUpClose && e.Session.OneSided() {
		return
	}
	ex := e.Exchange
	x := &wait{
		who: analysis.Occurrence{
			Client: e.Session.Client, Server: e.Session.Server, Conn: e.Session.ID, Time: e.Time, Severity: analysis.Medium,
		},
		group: g, how: e.How, gap: e.Gap, frame: e.Frame, at: e.Time, ask: command(w.run, ex), name: ex.CommandName(), file: ex.File, sent: ex.EndTime,
	}
	w.all = append(w.all, x)
	w.open[waitKey{e.Session.ID, ex.Index}] = x
}

// exchange completes a wait by the reply that came after all.
func (w *waits) exchange(ex *analysis.Exchange) {
	if ex.Flags&analysis.GivenUp == 0 {
		return
	}
	k := waitKey{ex.Session.ID, ex.Index}
	x := w.open[k]
	if x == nil {
		return
	}
	delete(w.open, k)
	if ex.AckedFrame > 0 {
		x.acked = analysis.Mark{Frame: ex.AckedFrame, Time: ex.AckedTime, Ack: ex.End}
		x.ackedAfter = ex.AckedTime.Sub(ex.EndTime)
	}
	if ex.Served {
		x.served, x.replyAfter = true, ex.Serves.FirstTime.Sub(ex.EndTime)
		x.reply = analysis.Step{
			Frame: ex.Serves.Frame, Time: ex.Serves.Time, Seq: rel(ex.Serves.Start), Ack: rel(ex.Serves.K), Length: int(ex.Serves.Bytes()),
			What: w.run.Describe(ex, &ex.Serves), Mark: "the reply to " + x.name + ", too late",
		}
	}
}

// stoodStill reports whether a stall of the server covers at least half of the wait.
func (x *wait) stoodStill(run *analysis.Run) *analysis.Stall {
	st, covered := run.Topology().StallOverlap(x.who.Server, x.sent, x.at)
	if covered*2 >= x.gap {
		return st
	}
	return nil
}

// example tells a wait.
func (x *wait) example(run *analysis.Run) analysis.Example {
	e := analysis.Example{
		Conn: x.who.Conn, Client: x.who.Client, Server: x.who.Server, File: run.File(x.file), Time: x.ask.Time,
		Frames: frames(x.ask.Frame, x.frame, x.reply.Frame), Ladder: []analysis.Step{x.ask},
	}
	e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) waited %s for its reply, then the client %s (frame %d)",
		strings.TrimSpace(x.ask.What), x.ask.Frame, seconds(x.gap), x.how, x.frame))
	next := analysis.Step{Frame: x.frame, Time: x.at, FromClient: true, Seq: x.ask.Seq + int64(x.ask.Length), Ack: -1, What: x.did(),
		Mark: seconds(x.gap) + " later, no reply in between"}
	if x.acked.Seen() && x.acked.Frame != x.reply.Frame {
		mark := analysis.Step{Frame: x.acked.Frame, Time: x.acked.Time, Ack: rel(x.acked.Ack), What: "ACK only",
			Mark: "the server's kernel has it, " + ms(x.ackedAfter) + " later"}
		if x.acked.Time < x.at {
			e.Ladder = append(e.Ladder, mark, next)
		} else {
			e.Ladder = append(e.Ladder, next, mark)
		}
	} else {
		e.Ladder = append(e.Ladder, next)
	}
	switch {
	case x.acked.Seen() && x.served && x.ackedAfter <= promptAck && x.replyAfter > x.ackedAfter:
		e.Facts = append(e.Facts, fmt.Sprintf("the server's kernel acknowledged it in %s (frame %d), the reply came %s after that (frame %d): "+
			"the server process stood still, not the network", micros(x.ackedAfter), x.acked.Frame, seconds(x.reply.Time.Sub(x.acked.Time)), x.reply.Frame))
	case x.acked.Seen() && !x.served && x.ackedAfter <= promptAck:
		e.Facts = append(e.Facts, fmt.Sprintf("the server's kernel acknowledged it in %s (frame %d): the network was not the cause; no reply was captured",
			micros(x.ackedAfter), x.acked.Frame))
	case x.served:
		e.Facts = append(e.Facts, fmt.Sprintf("the reply came %s after the command (frame %d)", seconds(x.replyAfter), x.reply.Frame))
	case !x.acked.Seen():
		e.Facts = append(e.Facts, "no acknowledgement of the command was captured: the network or the host may be the cause")
	}
	if x.served {
		e.Ladder = append(e.Ladder, x.reply)
	}
	if st := x.stoodStill(run); st != nil {
		e.Facts = append(e.Facts, fmt.Sprintf("it falls into a stall of the server of %s (RS401)", seconds(st.Duration())))
	}
	return e
}

// promptAck is how fast a kernel acknowledges across a healthy network.
const promptAck = 5 * time.Millisecond

// did says what the client did instead of reading.
func (x *wait) did() string {
	switch x.how {
	case analysis.GaveUpQuit:
		return "QUIT"
	case analysis.GaveUpClose:
		return "FIN or RST"
	}
	return "a further command"
}

// micros prints a short duration in whole microseconds.
func micros(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%d us", d.Microseconds())
	}
	return ms(d)
}

// handled counts what clients did when they stopped waiting.
type handled struct {
	all, quit, closed, reused, stalled int
	timeout                            *analysis.Timeout
}

func (h *handled) add(x *wait, run *analysis.Run) {
	h.all++
	switch x.how {
	case analysis.GaveUpQuit:
		h.quit++
	case analysis.GaveUpClose:
		h.closed++
	default:
		h.reused++
	}
	if x.stoodStill(run) != nil {
		h.stalled++
	}
}

// actions says how often the clients did what.
func (h *handled) actions() string {
	var list []string
	for _, a := range []struct {
		n    int
		what string
	}{{h.closed, "the connection was closed (correct)"}, {h.quit, "QUIT was sent, then it was closed (correct)"}, {h.reused, "it was used again (RS101)"}} {
		if a.n > 0 {
			list = append(list, plural(a.n, "time", "times")+" "+a.what)
		}
	}
	return strings.Join(list, ", ")
}
