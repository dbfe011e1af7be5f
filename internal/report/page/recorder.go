package page

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/desync"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/internal/report"
)

// Options steer a Recorder.
type Options struct {
	Mask   report.Mask
	Bounds *bound.Set
	Memory int64 // most bytes of rows; 0: DefaultMemory
	// Value describes the reply of an exchange, where values are shown; nil: they are hidden.
	Value func(*pairing.Exchange) string
}

// DefaultMemory is how many bytes of rows are kept, some 70 to 100 a command.
const DefaultMemory = 128 << 20

// maxConns bounds the connections that are recorded, as the rows of a run are.
const maxConns = 1 << 17

// maxMarks bounds what stands in the time strip one by one, at 32 bytes each.
const maxMarks = 1 << 17

// Recorder takes the events of a run as they pass, in bounded memory.
type Recorder struct {
	o       Options
	base    capture.Time // what times are counted from: the first moment that was seen
	began   bool
	store   store
	servers lanes
	clients lanes
	clock   clock
	marks   []mark
	noMarks *bound.Bound
	last    row // not stored yet: how its caller gave up comes behind it
	of      *conn
}

// mark is something that happened, in the lane of a client.
type mark struct {
	time   int64
	conn   int64
	index  int
	what   markKind
	client string
	server string
}

// markKind is what happened. The order is that of MARKS in strip.js.
type markKind uint8

const (
	markGaveUp  markKind = iota // a read timed out, or a call was cancelled
	markReuse                   // a connection was used again after that
	markMisread                 // a call got another call's reply
	markLeak                    // a connection or a pool was leaked
	markFinding                 // an example of any other finding
)

// NewRecorder returns an empty Recorder.
func NewRecorder(o Options) *Recorder {
	if o.Memory == 0 {
		o.Memory = DefaultMemory
	}
	if o.Bounds == nil {
		o.Bounds = &bound.Set{}
	}
	return &Recorder{
		o: o, store: newStore(o.Memory, maxConns, o.Bounds), servers: newLanes("server"), clients: newLanes("client"),
		noMarks: o.Bounds.New(bound.Bound{Name: "marks in the time strip", Limit: maxMarks, Loses: bound.Detail, Hides: "further marks in the time strip"}),
	}
}

// See takes an event of the run; nothing of it is kept.
func (r *Recorder) See(event pairing.Event) {
	switch e := event.(type) {
	case *analysis.Opened:
		r.at(e.Segment.Time)
	case *analysis.WaitEnded:
		r.gaveUp(e)
	case *desync.Desync:
		for i := range e.Abandoned {
			if next := &e.Abandoned[i].Next; next.Index != 0 && !e.Open {
				r.mark(mark{r.at(next.Time), e.Conn, next.Index, markReuse, r.client(e.Client), r.o.Mask.End(e.Server)})
			}
		}
	case *pairing.Exchange:
		r.exchange(e)
	}
}

// at counts from the base.
func (r *Recorder) at(t capture.Time) int64 {
	if !r.began {
		r.base, r.began = t, true
	}
	return int64(t.Sub(r.base))
}

func (r *Recorder) mark(m mark) {
	if r.noMarks.Admits(len(r.marks)) {
		r.marks = append(r.marks, m)
	}
}

func (r *Recorder) client(a netip.AddrPort) string { return report.AddrText(r.o.Mask.Addr(a.Addr())) }

func (r *Recorder) exchange(e *pairing.Exchange) {
	s := e.Session
	x := r.row(e)
	r.flush()
	c := r.store.conn(s.ID)
	if c == nil {
		c = &conn{} // of nothing is kept but the counts
	} else {
		r.of, r.last = c, x
	}
	if c.server == nil {
		c.server, c.client = r.servers.of(r.o.Mask.End(s.Server)), r.clients.of(r.client(s.Client))
	}
	step := r.clock.step(x.start, &r.servers, &r.clients)
	wait := x.waited()
	c.server.add(step, wait)
	c.client.add(step, wait)
	if x.misread() && x.marks&notAwaited == 0 {
		c.client.trouble++
		c.server.trouble++
		c.misreads++
		r.mark(mark{x.start, s.ID, x.index, markMisread, r.client(s.Client), r.o.Mask.End(s.Server)})
	}
	c.longest = max(c.longest, wait)
}

// gaveUp takes how a caller gave up, which comes behind its exchange and before the next one.
func (r *Recorder) gaveUp(e *analysis.WaitEnded) {
	at, client := r.at(e.Time), r.client(e.Session.Client)
	r.clients.of(client).trouble++
	r.mark(mark{at, e.Session.ID, e.Exchange.Index, markGaveUp, client, r.o.Mask.End(e.Session.Server)})
	if r.of != nil && r.of.id == e.Session.ID {
		r.of.gaveUp++
		if r.last.index == e.Exchange.Index {
			r.last.wait = rowWait{at, e.Frame, e.How}
		}
	}
}

// flush stores the row that was held back.
func (r *Recorder) flush() {
	if r.of != nil {
		r.store.add(r.of, &r.last)
		r.of = nil
	}
}

// row copies what the page shows of an exchange.
func (r *Recorder) row(e *pairing.Exchange) row {
	x := row{
		index: e.Index, start: r.at(e.Time), end: r.at(e.EndTime), frame: e.Frame, file: e.File, command: report.CommandName(e), marks: marksOf(e.Flags),
		outstanding: e.Outstanding, from: e.Start, to: e.End, ack: e.Ack, ackedFrame: e.AckedFrame, exec: e.Exec,
	}
	if e.HasKey {
		x.hasKey, x.key = true, r.o.Mask.Key(e.Key.Raw())
		if !r.o.Mask.Keys && !e.Key.Whole() {
			x.key = report.Shorten(x.key+"...", report.KeyWidth)
		}
	}
	if x.ackedFrame != 0 {
		x.acked = r.at(e.AckedTime)
	}
	if e.Served {
		p := &e.Serves
		x.reply = rowReply{first: r.at(p.FirstTime), last: r.at(p.Time), frame: p.Frame, file: p.File, from: p.Start, to: p.End, ack: p.K, kind: p.Kind}
		switch {
		case p.IsError():
			x.reply.text = r.o.Mask.Text(report.ErrorLine(string(p.Text.Raw())))
			if !p.Text.Whole() {
				x.reply.text += "..."
			}
		case r.o.Value != nil:
			x.reply.text = r.o.Mask.Text(report.Shorten(report.Printable(r.o.Value(e)), maxValue))
		}
	}
	switch b := e.Belief; { // as pairs has it
	case b.Outcome == pairing.Unknown, b.Index != 0 && b.Confidence == pairing.Suppressed:
		x.belief.Outcome = pairing.Unknown
	case b.Index != 0, b.Outcome != pairing.Plain:
		x.belief = pairing.Belief{Index: b.Index, Confidence: max(b.Confidence, pairing.Possible), Outcome: b.Outcome}
	}
	return x
}

// maxValue is how much of a value is shown, in characters.
const maxValue = 64
