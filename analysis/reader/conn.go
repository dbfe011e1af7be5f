package reader

import (
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// Conn takes what is seen of one connection, in the order of the capture.
type Conn struct {
	ID  int64
	Tag any // the owner's

	r         *Reader
	who       *who
	pop       *population
	place     int // among those of its population
	midstream bool
	records
	acked
	life
	settling
	few fewRecords
}

// fewRecords is the memory of the first records. Of a connection that lies cold among many others they are at hand with it.
type fewRecords struct {
	commands [4]commandRecord
	replies  [2]replyRecord
	writes   [2]writeRecord
}

// records are what is kept of the writes of a connection from the first one in doubt on.
type records struct {
	base     int32 // commands before the first kept one
	commands []commandRecord
	replies  []replyRecord
	writes   []writeRecord
	seen     int64 // place behind the last reply before those kept
	arrivals []arrival
	clear    int // writes from the front that are settled
	done     int // … and their replies
}

// acked is how far the client has acknowledged what the server sent.
type acked struct {
	ackedTo int // replies from the front
	farAck  int64
	farTime capture.Time // when it was first seen
	heard   bool         // a reply was seen
	server  bool         // … or any packet of the server
	assumed bool         // replies are not seen, but follow from what the client acknowledges
}

// life is when a connection was last heard of, and how it ended.
type life struct {
	last    capture.Time
	waiting bool  // a command is outstanding
	newest  int32 // command that awaits a reply
	latest  int32 // command
	ended   bool
	ending  Ending
	burst   *burst
	gone    bool // nothing more comes
	setUp
}

// settling is what was inferred so far.
type settling struct {
	told   int32             // command up to which Settled or a verdict has told
	start  []inference.State // hypotheses before the first kept write; nil: by the priors
	owing  []int32           // by which of these some of the latest replies are unread: the commands that they serve
	level  bool              // all of start are where the next reply is the own one
	doubt  bool              // there is one that does not pass
	again  int               // writes at which it is looked at again; 0: the next one
	judged bool
	over   bool // its last verdict was given
	extra  bool // a reply that no command asked for is among those kept, or its reader may not have passed it
	origin origin
}

// Handshake tells how long the client took from the SYN-ACK to its ACK as the tap saw it: next to nothing at the client,
// a round trip at the server.
func (c *Conn) Handshake(d time.Duration) { c.who.roundTrip(d.Seconds()) }

// Belongs tells which population the connection is of, as soon as its set-up is over.
func (c *Conn) Belongs(k Key) {
	if c.pop != nil || c.over {
		return
	}
	if c.pop = c.r.reg.population(k, c.who); c.pop != nil {
		c.place = len(c.pop.conns)
		c.pop.conns = append(c.pop.conns, c)
		c.r.reg.look(c.pop)
	}
}

// Sent takes a command.
func (c *Conn) Sent(cmd *Command) {
	c.latest = max(c.latest, cmd.Index)
	if !c.setUp.over {
		if c.setUp.see(cmd); c.setUp.over && !c.setUp.lost && !c.midstream && c.pop != nil {
			c.pop.named = true
		}
	}
	if c.judged {
		return
	}
	if cmd.EndTime > cmd.Time && cmd.End-cmd.Start < segmentSize {
		cmd.Flags |= inPieces
	}
	n := len(c.writes)
	joins := n > 0 && (c.writes[n-1].joins(cmd) || c.writes[n-1].flags&inPieces != 0 && c.owes())
	if n > 0 && !joins {
		c.goOn(cmd)
	}
	c.last = cmd.EndTime
	c.who.alive(cmd.Time)
	if cmd.Flags&Awaited != 0 {
		c.newest = cmd.Index
		c.wait(true)
	}
	if len(c.commands) == 0 && c.start == nil {
		c.base = cmd.Index - 1
	}
	if c.commands = append(c.commands, commandRecord{reply: -1, flags: cmd.Flags}); len(c.commands) > 1 {
		c.r.kept++
	}
	if joins {
		w := &c.writes[n-1]
		w.n++
		w.last, w.end = max(w.last, cmd.EndTime), cmd.End
		w.flags |= cmd.Flags & (Blocking | Farewell | AfterLoss | Unsure | inPieces)
		w.flags = w.flags&^(SetUp|FullSized) | cmd.Flags&(SetUp|FullSized)
		return
	}
	c.writes = append(c.writes, writeRecord{
		first: cmd.Time, last: cmd.EndTime, ack: cmd.Ack, start: cmd.Start, end: cmd.End, index: cmd.Index, n: 1, flags: cmd.Flags &^ isSettled,
	})
	crossWrites(c)
}

// owes reports whether a command of the last write has no reply yet. Of a writer that writes in pieces, what comes then may be
// a further piece.
func (c *Conn) owes() bool {
	from := int(c.writes[len(c.writes)-1].index - 1 - c.base)
	for i := max(from, 0); i < len(c.commands); i++ {
		if cmd := &c.commands[i]; cmd.reply < 0 && cmd.flags&Awaited != 0 {
			return true
		}
	}
	return false
}

// keepLast keeps the last n commands.
func (c *Conn) keepLast(n int) {
	had := len(c.commands)
	c.r.kept -= max(0, had-1) - max(0, n-1)
	c.base += int32(had - n)
	c.commands = append(c.commands[:0], c.commands[had-n:]...)
}

// goOn settles the write before a new one, or what is kept, or judges it where it has reached its bound.
func (c *Conn) goOn(cmd *Command) {
	next := nextSign{at: cmd.Time, ack: cmd.Ack, what: inference.NextWrite, quit: cmd.Flags&Farewell != 0}
	if cmd.Ack < 0 {
		next.ack = inference.Unseen
	}
	certain := cmd.Flags&(AfterLoss|Unsure|Resent) == 0 && cmd.Start <= c.writes[len(c.writes)-1].end
	n := len(c.writes)
	if certain && c.settleLast(next) {
		c.doubt, c.again = false, 0
		return
	}
	switch {
	case n >= maxWrites && (c.pop == nil || c.blind()):
		c.drop(c.r)
	case c.pop == nil:
	case !c.r.deep.Admits(n):
		c.pop.judgeAll(c.r, false)
	case !c.r.early.Admits(c.r.kept):
		c.r.relieve()
	case n >= c.again && !c.doubt:
		c.again = min(2*n, n+maxQuiet)
		if c.pop.pace.usual == 0 && n < maxUnlearned || c.midstream && c.latest < keptFromStart {
			return
		}
		if c.pop.settleQuiet(c.r, c) {
			c.again = 0
		}
		if certain && n > 1 {
			c.settleLast(next)
		}
	}
}

// wait notes whether a command is outstanding.
func (c *Conn) wait(on bool) {
	if on == c.waiting {
		return
	}
	c.waiting = on
	if on {
		c.who.waiting(1)
	} else {
		c.who.waiting(-1)
	}
}

// Answered takes a reply, in the order of the server's stream.
func (c *Conn) Answered(r *Reply) {
	c.server = true
	c.answered(r)
}

func (c *Conn) answered(r *Reply) {
	if c.judged {
		return
	}
	late := r.Time < c.last
	c.last, c.heard = max(c.last, r.Time), true
	if len(c.arrivals) > 0 {
		framed(c, r.Start, r.End)
	}
	c.extra = c.extra || r.Index == 0
	at := int32(len(c.replies))
	if i := r.Index - 1 - c.base; r.Index > 0 && i >= 0 && int(i) < len(c.commands) {
		if c.commands[i].reply >= 0 {
			return // a further confirmation
		}
		c.commands[i].reply = at
		if late {
			crossReply(c, r.Index, r.Time)
		}
		for start := r.Start; i >= 0 && !r.Unsure && c.commands[i].flags&Unsure != 0; i-- {
			c.commands[i].flags &^= Unsure
			k := c.commands[max(i-1, 0)].reply
			if k < 0 || k == at || c.replies[k].end != start {
				break // which of the commands before went without a reply is not certain
			}
			start = c.replies[k].start
		}
	}
	rec := replyRecord{time: r.Time, start: r.Start, end: r.End, index: r.Index, unsure: r.Unsure, typ: r.Type, quiet: float32(max(0, r.Time.Sub(c.who.heard))) * 1e-9, crowd: uint16(min(c.who.crowd, 1<<16-1))}
	if r.Index >= c.newest {
		c.wait(false)
	}
	switch {
	case r.End > c.farAck:
	case late:
		rec.acked = r.Time.Add(time.Duration(c.who.far * 1e9)) // told of only now: when it was acknowledged is not kept
	default: // its end was lost, and shown only by what followed it
		rec.acked = min(r.Time, c.farTime)
	}
	c.replies = append(c.replies, rec)
}

// LeftOut tells that the server sent no reply to a command, though one was due.
func (c *Conn) LeftOut(index int32) {
	if i := index - 1 - c.base; i >= 0 && int(i) < len(c.commands) {
		c.commands[i].flags |= LeftOut
	}
}

// Drains tells that the caller of a command throws away every reply before its own.
func (c *Conn) Drains(index int32) {
	if i := index - 1 - c.base; i >= 0 && int(i) < len(c.commands) {
		c.commands[i].flags |= Drains
	}
}

// Parted tells that the last write may have been a QUIT: the client wrote no more before it closed.
func (c *Conn) Parted() {
	if n := len(c.writes); n > 0 {
		c.writes[n-1].flags |= Farewell
	}
	if n := len(c.commands); n > 0 {
		c.commands[n-1].flags |= Farewell
	}
}

// Abandon tells that nobody reads in turn on the connection: a subscriber, MONITOR, replication.
func (c *Conn) Abandon() {
	c.judged = true
	c.wait(false)
	c.drop(c.r)
}

// Overrun tells that more commands wait than may: nothing is inferred of those that are kept.
func (c *Conn) Overrun() {
	if c.judged || len(c.commands) == 0 {
		return
	}
	last := c.base + int32(len(c.commands))
	c.drop(c.r)
	c.start, c.owing, c.level, c.doubt, c.again = nil, nil, false, false, 0
	c.r.judged(&Verdict{Conn: c, Last: last, Quiet: true})
	c.told = max(c.told, last)
}

// Heard tells that a packet of the server was seen.
func (c *Conn) Heard() { c.server = true }

// Came tells that a segment of the server was captured in part only: all bytes before a place were there.
func (c *Conn) Came(at capture.Time, end int64) {
	if n := len(c.arrivals); c.judged || n > 0 && end <= c.arrivals[n-1].end {
		return
	} else if n >= maxWrites {
		c.arrivals = c.arrivals[:0]
	}
	c.arrivals = append(c.arrivals, arrival{at, end})
}

// Acked tells that the client has received everything before a place in the server's stream.
func (c *Conn) Acked(at capture.Time, ack int64) {
	if ack <= c.farAck {
		if at < c.farTime {
			ackedBefore(c, at, ack)
		}
		return
	}
	if !c.server && c.farAck >= 0 {
		assume(c, at, ack)
	}
	c.farAck, c.farTime = ack, at
	for c.ackedTo < len(c.replies) && c.replies[c.ackedTo].end <= ack {
		if c.replies[c.ackedTo].acked == 0 {
			c.replies[c.ackedTo].acked = at
			c.replies[c.ackedTo].crossed = crossed(c.replies[c.ackedTo].time, at)
		}
		c.ackedTo++
	}
}

// Closed tells of the first FIN or RST of the connection.
func (c *Conn) Closed(e *Ending) {
	if c.ended {
		return
	}
	c.ended, c.ending = true, *e
	if e.ByClient {
		c.who.alive(e.Time)
		c.burst = c.who.closes(e.Time)
	}
	c.wait(false)
	c.left()
}

// left notes that the connection is no more one of its client's.
func (c *Conn) left() {
	c.who.open--
	c.r.reg.release(c.who)
}

// End tells that nothing more comes, at the time of the last packet.
func (c *Conn) End(at capture.Time) {
	c.gone = true
	c.last = max(c.last, at)
	if !c.ended {
		c.ended = true
		c.ending = Ending{Time: at}
		c.left()
	}
	c.wait(false)
	if c.pop == nil || c.blind() || c.pop.settleQuiet(c.r, c) {
		c.r.over(c)
	}
}

// blind reports whether the server's packets are not in the capture: the client acknowledged bytes of which none was seen.
func (c *Conn) blind() bool { return !c.heard && c.farAck > 0 }
