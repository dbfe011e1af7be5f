package detectors

import (
	"fmt"
	"strings"
	"time"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

const (
	// idleCut is the idle time before a command that is never acknowledged from which on something on the way has
	// most likely forgotten the connection (RS207).
	idleCut = 60 * time.Second
	// maxResends bounds the retransmissions that are stored of one connection, and maxResending the connections.
	maxResends   = 32
	maxResending = 1 << 13
	// maxFound bounds the commands that are stored until the end, maxFoundShown those with an example.
	maxFound      = 1 << 14
	maxFoundShown = 1024
)

// NetworkStall is RS402: commands that did not reach the server's kernel and were sent again.
func NetworkStall() *analysis.Detector {
	return &analysis.Detector{
		ID: "RS402", Name: "network-stall", Severity: incident.Medium, Since: "0.1.0",
		Summary: "commands were not acknowledged by the server's kernel and were retransmitted",
		Step:    incident.StepText{One: "1 command reached the server late or never", Many: "%d commands reached the server late or never"},
		Params: []incident.Param{
			{Name: "stall_min", Default: "200ms", Meaning: "how long a command must stay unacknowledged"},
		},
		Begin: func(r *analysis.Reporter) analysis.Hooks {
			w := &resending{
				r: r, least: r.Duration("stall_min"), conns: map[int64]*resends{},
				tracked: r.EvidenceBound(maxResending, "connections with retransmissions", "retransmissions on further connections"),
				each:    r.DetailBound(maxResends, "retransmissions of one connection", "its further retransmissions"),
				kept:    r.EvidenceBound(maxFound, "retransmitted commands", "further retransmitted commands"),
				shown:   r.DetailBound(maxFoundShown, "retransmitted commands, in detail", "further examples"),
			}
			r.Title = func(f *incident.Finding) string {
				return fmt.Sprintf("%s to %s reached the server's kernel late or never", incident.Counted(f.Count, "command", "commands"), f.Server)
			}
			r.Remedy = func(*incident.Finding) string {
				return "Packets were lost or the host was away: the server's kernel, which acknowledges by itself, did not. Look at the path " +
					"(interface errors, conntrack, security groups, congestion) and at the host (reboot, migration of the virtual machine, " +
					"full CPU), not at Redis."
			}
			return analysis.Hooks{Control: w.control, Troubled: w.judge, Ended: w.ended, Retired: w.retired, Finish: w.finish}
		},
	}
}

// resend is one retransmission by the client: stream offsets modulo 2^32.
type resend struct {
	from, length uint32
	at           capture.Time
	frame        int64
}

// resends is what a connection retransmitted.
type resends struct {
	list  []resend
	heard capture.Time // when the server had last sent bytes before the first of them

	silent bool // packets without data were not captured
}

// resending follows retransmissions until their commands are judged.
type resending struct {
	r     *analysis.Reporter
	least time.Duration // that a command must stay without acknowledgement
	conns map[int64]*resends
	found []found

	tracked, each, kept, shown *bound.Bound
}

// found is an occurrence that waits for the end of the capture.
type found struct {
	o        incident.Occurrence
	conn     *resends
	weakened bool
}

func (w *resending) control(c *analysis.Control) {
	seg := c.Segment
	if !c.FromClient || seg.Repeated == 0 || seg.Probe || c.Session.Conn == nil || !c.Session.Conn.Sides[seg.From.Other()].Seen {
		return // without the server's packets nothing is known of its acknowledgements
	}
	x := w.conns[c.Session.ID]
	if x == nil {
		if !w.tracked.Admits(len(w.conns)) {
			return
		}
		x = &resends{heard: c.Session.LastServerData()}
		w.conns[c.Session.ID] = x
	}
	if w.each.Admits(len(x.list)) {
		first := c.Session.Conn.Sides[seg.From].FirstSeq
		x.list = append(x.list, resend{seg.RawSeq - first, uint32(seg.Repeated), seg.Time, seg.Frame})
	}
}

// judge looks at a command whose acknowledgement came late or not at all.
func (w *resending) judge(ex *pairing.Exchange) {
	if len(w.conns) == 0 || ex.AckedFrame != 0 && ex.AckedTime.Sub(ex.EndTime) < w.least {
		return
	}
	s := ex.Session
	x := w.conns[s.ID]
	if x == nil || ex.AckedFrame == 0 && ex.Served {
		return
	}
	var chain []resend
	for _, y := range x.list {
		if int32(y.from-uint32(ex.Start)) < int32(ex.End-ex.Start) && int32(uint32(ex.Start)-y.from) < int32(y.length) && y.at > ex.EndTime {
			if ex.AckedFrame == 0 || y.at <= ex.AckedTime {
				chain = append(chain, y)
			}
		}
	}
	if len(chain) == 0 {
		return
	}
	last := chain[len(chain)-1]
	if ex.AckedFrame == 0 && (last.at.Sub(ex.EndTime) < w.least || x.heard != 0 && ex.Time.Sub(x.heard) >= idleCut) {
		return
	}
	o := incident.Occurrence{
		Client: s.Client, Server: s.Server, Conn: s.ID, Time: ex.Time, Last: last.at, Severity: incident.Medium, Confidence: pairing.Proven,
		Commands: map[string]int{ex.CommandName(): 1},
	}
	if !w.kept.Admits(len(w.found)) {
		return
	}
	if w.shown.Admits(len(w.found)) {
		example := w.evidence(ex, chain)
		o.Evidence = func() incident.Example { return example }
	}
	w.found = append(w.found, found{o, x, ex.Flags&pairing.AfterHole != 0 || s.Lossy()})
}

// ended looks for packets without data that were not captured: the acknowledgement may be one of them.
func (w *resending) ended(e *analysis.Ended) {
	if x := w.conns[e.Session.ID]; x != nil {
		x.silent = e.Session.Hidden().Unechoed > 0
	}
}

// retired forgets a connection of which nothing is judged any more. What was found on it has what it needs.
func (w *resending) retired(c *analysis.ConnSummary) { delete(w.conns, c.ID) }

// evidence describes a command that was sent again.
func (w *resending) evidence(ex *pairing.Exchange, chain []resend) incident.Example {
	r := w.r.Run()
	e := incident.Example{File: r.File(ex.File), Frames: frames(ex.Frame), Ladder: []incident.Step{command(r, ex)}}
	var when []string
	for _, y := range chain {
		e.Frames = append(e.Frames, y.frame)
		when = append(when, fmt.Sprintf("%s (frame %d)", seconds(y.at.Sub(ex.EndTime)), y.frame))
		e.Ladder = append(e.Ladder, incident.Step{Frame: y.frame, Time: y.at, FromClient: true, Seq: rel(ex.Start), Ack: rel(ex.Ack), Length: int(y.length),
			What: "retransmission of " + ex.CommandName(), Mark: seconds(y.at.Sub(ex.EndTime)) + " after the first transmission"})
	}
	e.Facts = append(e.Facts, fmt.Sprintf("%s (frame %d) was sent again %s later", named(r, ex), ex.Frame, strings.Join(when, ", ")))
	if ex.AckedFrame == 0 {
		e.Facts = append(e.Facts, "the server's kernel never acknowledged it in this capture")
	} else {
		e.Frames = append(e.Frames, ex.AckedFrame)
		e.Facts = append(e.Facts, fmt.Sprintf("the server's kernel acknowledged it after %s (frame %d); one that has a command acknowledges it within 40 ms even if the process stalls",
			seconds(ex.AckedTime.Sub(ex.EndTime)), ex.AckedFrame))
		e.Ladder = append(e.Ladder, incident.Step{Frame: ex.AckedFrame, Time: ex.AckedTime, Ack: rel(ex.End), What: "acknowledged", Mark: seconds(ex.AckedTime.Sub(ex.EndTime)) + " after the first transmission"})
	}
	return e
}

// finish reports: only now is it known whether the capture lost packets of the server.
func (w *resending) finish(r *analysis.Run) {
	for i := range w.found {
		f := &w.found[i]
		if f.weakened || f.conn.silent || r.Topology().Lossy(f.o.Server) {
			f.o.Weakened, f.o.Confidence = true, pairing.Likely
		}
		w.r.Add(f.o)
	}
}
