package detectors

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/cluster"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/pools"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// Bounds of the waits that one rule remembers until the client's habits are known.
const (
	maxWaitsKept  = 1 << 16
	maxWaitsShown = 1 << 13 // of these, with what an example shows
)

// waits collects the callers that stopped waiting for a reply.
type waits struct {
	run         *analysis.Run
	all         []*wait
	kept, shown *bound.Bound
}

// wait is one caller that went on without its reply.
type wait struct {
	conn           int64
	client, server netip.AddrPort
	pop            *client.Population
	how            desync.GaveUp
	sure           pairing.Confidence
	gap            time.Duration
	at             capture.Time // of what the client did instead
	name           string       // of the command
	use            desync.Use   // how its connection is used, as far as known then
	sent           capture.Time // its last byte
	*shownWait                  // nil beyond the bound
}

// shownWait is what an example shows of a wait.
type shownWait struct {
	frame      int64         // of what the client did instead
	ask        incident.Step // the command
	file       int32
	ackedAfter time.Duration
	acked      pools.Mark
	served     bool
	reply      incident.Step
	replyAfter time.Duration // from the command to the reply's first byte
}

func newWaits(r *analysis.Reporter) *waits {
	return &waits{
		run:   r.Run(),
		kept:  r.EvidenceBound(maxWaitsKept, "waits without a reply", "further waits, and whether a read timed out"),
		shown: r.DetailBound(maxWaitsShown, "waits without a reply, in detail", "further examples"),
	}
}

// waited takes a caller that stopped waiting.
func (w *waits) waited(e *analysis.WaitEnded) {
	s, ex := e.Session, e.Exchange
	if s.Population() == nil || e.How == desync.GaveUpClose && s.OneSided() || !w.kept.Admits(len(w.all)) {
		return
	}
	x := &wait{
		conn: s.ID, client: s.Client, server: s.Server, pop: s.Population(), how: e.How, sure: e.Sure, gap: e.Gap, at: e.Time,
		name: ex.CommandName(), sent: ex.EndTime, use: s.Use(),
	}
	if w.shown.Admits(len(w.all)) {
		x.shownWait = &shownWait{frame: e.Frame, ask: command(w.run, ex), file: ex.File}
		x.answered(w.run, ex)
	}
	w.all = append(w.all, x)
}

// doubtful reports whether the client may have written on because it is meant to.
func (x *wait) doubtful() bool { return x.how == desync.GaveUpReuse && x.sure < pairing.Likely }

// together reports whether the calls of the connection, or of its client, overlap by intention: what one does says nothing of
// another's wait.
func (x *wait) together(run *analysis.Run) bool {
	use := run.UseOf(x.pop)
	if x.use.Word > use.Word {
		use = x.use
	}
	return use.Policy == client.PolicyMultiplex || use.Policy == client.PolicyAsync
}

// keeps reports whether the client is known, or likely, to leave a late reply for the next caller on the connection, rather than
// to throw it away.
func (x *wait) keeps(run *analysis.Run) bool {
	if use := run.UseOf(x.pop); use.Basis >= client.Named {
		return use.Policy.TakesTurns()
	}
	h := run.Habits(x.pop)
	return h != nil && reader.WordOf(client.UnreadShare(&h.Kinds)) >= reader.Likely
}

// occurrence completes who waited, by what is known at the end of the run.
func (x *wait) occurrence(run *analysis.Run) incident.Occurrence {
	return incident.Occurrence{
		Client: x.client, Server: x.server, Conn: x.conn, Time: x.at, Severity: incident.Medium, Commands: map[string]int{x.name: 1},
		Library: x.pop.Library().Name, Policy: run.UseOf(x.pop).Policy.String(),
	}
}

// evidence makes the example of a wait, with a further fact; nil beyond the bound.
func (x *wait) evidence(run *analysis.Run, fact func() string) func() incident.Example {
	if x.shownWait == nil {
		return nil
	}
	return func() incident.Example {
		e := x.example(run)
		e.Facts = append(e.Facts, fact())
		return e
	}
}

// answered notes the acknowledgement of the command, and the reply that came after all.
func (x *wait) answered(run *analysis.Run, ex *pairing.Exchange) {
	if ex.AckedFrame > 0 {
		x.acked = pools.Mark{Frame: ex.AckedFrame, Time: ex.AckedTime, Ack: ex.End}
		x.ackedAfter = ex.AckedTime.Sub(ex.EndTime)
	}
	if ex.Served {
		x.served, x.replyAfter = true, ex.Serves.FirstTime.Sub(ex.EndTime)
		x.reply = incident.Step{
			Frame: ex.Serves.Frame, Time: ex.Serves.Time, Seq: rel(ex.Serves.Start), Ack: rel(ex.Serves.K), Length: int(ex.Serves.Bytes()),
			What: run.Describe(ex, &ex.Serves), Mark: "the reply to " + x.name + ", too late",
		}
	}
}

// stall returns the stall of the server that covers at least half of the wait.
func (x *wait) stall(run *analysis.Run) *cluster.Stall {
	st, covered := run.Topology().StallOverlap(x.server, x.sent, x.at)
	if covered*2 >= x.gap {
		return st
	}
	return nil
}

// example shows a wait.
func (x *wait) example(run *analysis.Run) incident.Example {
	e := incident.Example{
		Conn: x.conn, Client: x.client, Server: x.server, File: run.File(x.file), Time: x.ask.Time,
		Frames: frames(x.ask.Frame, x.frame, x.reply.Frame), Ladder: []incident.Step{x.ask},
	}
	e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) waited %s for its reply, then the client %s (frame %d)",
		strings.TrimSpace(x.ask.What), x.ask.Frame, seconds(x.gap), x.how, x.frame))
	next := incident.Step{Frame: x.frame, Time: x.at, FromClient: true, Seq: x.ask.Seq + int64(x.ask.Length), Ack: -1, What: x.did(),
		Mark: seconds(x.gap) + " later, no reply in between"}
	if x.acked.Seen() && x.acked.Frame != x.reply.Frame {
		mark := incident.Step{Frame: x.acked.Frame, Time: x.acked.Time, Ack: rel(x.acked.Ack), What: "ACK only",
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
			"the server process stalled, not the network", micros(x.ackedAfter), x.acked.Frame, seconds(x.reply.Time.Sub(x.acked.Time)), x.reply.Frame))
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
	if st := x.stall(run); st != nil {
		e.Facts = append(e.Facts, fmt.Sprintf("it falls into a stall of the server of %s (RS401)", seconds(st.Duration())))
	}
	return e
}

// promptAck is how fast a kernel acknowledges across a healthy network.
const promptAck = 5 * time.Millisecond

// did says what the client did instead of reading.
func (x *wait) did() string {
	switch x.how {
	case desync.GaveUpQuit:
		return "QUIT"
	case desync.GaveUpClose:
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
	all, quit, closed, stalled int
	reused, unsafe             int // connections used again, and those of a client that leaves late replies for the next caller
	timeout                    *desync.Timeout
}

// TakeOff is of incident.Lessened.
func (h *handled) TakeOff(before any) {
	if b, ok := before.(*handled); ok {
		h.all, h.quit, h.closed, h.stalled = h.all-b.all, h.quit-b.quit, h.closed-b.closed, h.stalled-b.stalled
		h.reused, h.unsafe = h.reused-b.reused, h.unsafe-b.unsafe
	}
}

func (h *handled) add(x *wait, run *analysis.Run) {
	h.all++
	switch x.how {
	case desync.GaveUpQuit:
		h.quit++
	case desync.GaveUpClose:
		h.closed++
	default:
		if h.reused++; x.keeps(run) {
			h.unsafe++
		}
	}
	if x.stall(run) != nil {
		h.stalled++
	}
}

// notes says how often the clients did what.
func (h *handled) notes() []string {
	var list []string
	for _, a := range []struct {
		n    int
		what string
	}{{h.closed, "the connection was closed (correct)"}, {h.quit, "QUIT was sent, then it was closed (correct)"}, {h.unsafe, "it was used again (RS101)"},
		{h.reused - h.unsafe, "it was used again (safe if the client throws the late reply away, as those with a queue of callers do)"}} {
		if a.n > 0 {
			list = append(list, incident.Counted(a.n, "time", "times")+" "+a.what)
		}
	}
	return []string{"what the clients did: " + strings.Join(list, ", ")}
}
