package reader

import (
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// While a connection gives no cause for doubt, what comes next shows of each write whether its caller read its own reply
// for certain; then the write is counted and told of at once. The latest of these stay for a while, as evidence of how the
// connection is used should a doubt arise, as long as there is room.

// maxLevel is how many of the latest settled writes of a connection are kept, and as many again before they are cut.
const maxLevel = 16

// roomForLevel is how many writes may be kept in all, so that settled ones are among them.
const roomForLevel = maxKept / 4

// maxUnlearned is how many writes of a connection are kept until the usual time of its population is known.
const maxUnlearned = 16

// keptFromStart is how many commands of a connection that began before the capture are kept: it may be behind.
const keptFromStart = 64

// nextSign is what came after a write.
type nextSign struct {
	at   capture.Time
	ack  int64 // what the client had received then; unseen: not known
	what uint8
	quit bool // it is a QUIT
}

// settleLast settles the last write, if all before it are settled and what came next leaves no doubt of it. It says the
// same as quiet of a view of this write.
func (c *Conn) settleLast(next nextSign) bool {
	q, w := c.pop, &c.writes[len(c.writes)-1]
	switch {
	case q == nil || c.clear != len(c.writes)-1 || c.start != nil && !c.level:
		return false
	case c.extra || w.flags&(AfterLoss|Unsure|Resent) != 0 || c.midstream && c.latest < keptFromStart:
		return false
	}
	n, ok := c.inTurn()
	if !ok || n > 0 && q.pace.usual == 0 {
		return false
	}
	t := float64(max(next.at.Sub(w.last), 0)) * 1e-9
	if n == 0 {
		if next.what == inference.NextWrite {
			q.level.AddGap(t)
		}
		c.settled()
		return true
	}
	r := &c.replies[len(c.replies)-1]
	at := float64(r.time.Sub(w.last))*1e-9 + c.who.far
	if r.acked != 0 {
		if a := float64(r.acked.Sub(w.last)) * 1e-9; a < at || c.who.far > 0 && a-at > delayedAck {
			at = a - 1e-6
		}
	}
	wait, blocking := max(0, at), w.flags&Blocking != 0
	switch {
	case r.end > next.ack || at > t+1e-4:
		if next.what != inference.NextNothing {
			q.noteGiveUp(t)
		}
		return false
	case blocking:
	case wait > q.pace.slow || q.low > 0 && wait > 0.8*q.low:
		return false
	default:
		q.levelWaits.add(wait)
		q.allWaits.add(wait)
		q.sizes.Add(int32(n))
		if q.levelWaits.n >= q.pace.next {
			q.pace.refresh(&q.levelWaits, &c.r.buf)
		}
		if wait > 0x1p-16 {
			q.level.AddWait(wait, 1)
		}
	}
	if next.what == inference.NextWrite {
		q.level.AddThink(max(c.who.floor(), t-at), w.flags&SetUp != 0)
		q.level.AddGap(t)
		if !blocking && w.flags&SetUp == 0 {
			q.turns.See(wait, t)
		}
	}
	if next.what != inference.NextNothing && w.flags&Farewell == 0 {
		q.level.CountEnd(next.what == inference.NextClose || next.quit)
	}
	if blocking {
		wait = 0
	}
	c.tell(w.index+w.n-1, settledAs(c, &q.pace, wait))
	c.settled()
	return true
}

// tell says that the callers of all awaited commands up to one read their own replies.
func (c *Conn) tell(upTo int32, w Word) {
	if upTo > c.told {
		c.told = upTo
		if c.r.o.Settled != nil {
			c.r.o.Settled(c, upTo, w)
		}
	}
}

// inTurn reports whether each command of the last write got its reply, in order and without a gap, and nothing else came; n
// is how many replies.
func (c *Conn) inTurn() (n int, ok bool) {
	from := int(c.writes[len(c.writes)-1].index - 1 - c.base)
	if from < 0 || from > len(c.commands) {
		return 0, false
	}
	if from == len(c.commands)-1 && c.done > 0 && len(c.replies) == c.done+1 { // one command and one reply: nearly all
		cmd, before, r := &c.commands[from], &c.replies[c.done-1], &c.replies[c.done]
		if cmd.flags&(Awaited|LeftOut) == Awaited && int(cmd.reply) == c.done && (r.start <= before.end || before.end <= 0) && r.end >= before.end {
			return 1, true
		}
	}
	for i := from; i < len(c.commands); i++ {
		cmd := &c.commands[i]
		due := cmd.flags&(Awaited|LeftOut) == Awaited
		if cmd.flags&LeftOut != 0 || due != (cmd.reply >= 0) || due && int(cmd.reply) != c.done+n {
			return 0, false
		}
		if due {
			n++
		}
	}
	end := c.seen
	if c.done > 0 {
		end = c.replies[c.done-1].end
	}
	for i := c.done; i < len(c.replies); i++ {
		r := &c.replies[i]
		if end > 0 && r.start > end || r.end < end {
			return 0, false
		}
		end = r.end
	}
	return n, c.done+n == len(c.replies)
}

// settled notes that the last write is settled, and cuts the oldest of these.
func (c *Conn) settled() {
	c.writes[len(c.writes)-1].flags |= isSettled
	c.clear, c.done = len(c.writes), len(c.replies)
	if c.clear < 2*maxLevel && c.r.kept < roomForLevel {
		return
	}
	keep := maxLevel
	if c.r.kept >= roomForLevel {
		keep = 0
	}
	c.cut(max(0, c.clear-keep))
}

// settledUpTo notes that all that a view covers is settled.
func (c *Conn) settledUpTo(v *view) {
	n, replies := len(c.writes), len(c.replies)
	if v.held > 0 {
		for n > 0 && c.writes[n-1].index >= v.held {
			n--
		}
		for i := v.covered(); i < len(c.commands); i++ {
			if at := c.commands[i].reply; at >= 0 {
				replies = int(at)
				break
			}
		}
	}
	before := int32(-1)
	for i := range c.commands {
		if at := c.commands[i].reply; at >= 0 {
			if at <= before || int(at) >= replies && i < v.covered() {
				c.forget(v) // out of order: nothing of it is kept
				return
			}
			before = at
		}
	}
	for i := range n {
		c.writes[i].flags |= isSettled
	}
	c.clear, c.done = n, replies
	if c.r.kept >= roomForLevel {
		c.cut(n)
	} else if n > maxLevel {
		c.cut(n - maxLevel)
	}
}

// cut forgets the first writes of a connection, all of them settled.
func (c *Conn) cut(writes int) {
	commands, replies := len(c.commands), len(c.replies)
	if writes < len(c.writes) {
		commands = min(int(c.writes[writes].index-1-c.base), commands)
		for i := commands; i < len(c.commands); i++ {
			if at := c.commands[i].reply; at >= 0 {
				replies = int(at)
				break
			}
		}
	}
	if replies > 0 {
		c.seen = c.replies[replies-1].end
	}
	c.writes = append(c.writes[:0], c.writes[writes:]...)
	c.keepLast(len(c.commands) - commands)
	c.replies = append(c.replies[:0], c.replies[replies:]...)
	for i := range c.commands {
		c.commands[i].reply -= int32(replies)
		c.commands[i].reply = max(c.commands[i].reply, -1)
	}
	c.clear -= writes
	c.done -= replies
	c.ackedTo = max(0, c.ackedTo-replies)
}

// settleEnd settles the last write at the end of the connection, or of the capture.
func (c *Conn) settleEnd() bool {
	next := nextSign{at: max(c.last, c.r.now), ack: inference.Unseen, what: inference.NextNothing}
	if c.ended {
		next.at = c.ending.Time
	}
	if c.ended && c.ending.ByClient && !c.burst.common() {
		next.what = inference.NextClose
		if c.ending.Ack >= 0 && !c.ending.Reset {
			next.ack = c.ending.Ack
		}
	}
	return c.settleLast(next)
}

// calm reports whether nothing but the last write is not settled.
func (c *Conn) calm() bool { return c.clear >= len(c.writes)-1 }

// open reports whether more may come.
func (c *Conn) open() bool { return !c.gone && !c.r.finishing }

// forget drops the records of a connection that its view covers; what was held back and what is still to come begin anew.
func (c *Conn) forget(v *view) {
	if v.held == 0 {
		c.drop(c.r)
		return
	}
	done := v.covered()
	c.clear, c.done = 0, 0
	first := 0
	for first < len(c.writes) && c.writes[first].index < v.held {
		first++
	}
	c.writes = append(c.writes[:0], c.writes[first:]...)
	if v.left > 0 {
		c.seen = max(c.seen, v.End[v.left-1])
	}
	place, kept := make([]int32, len(c.replies)), c.replies[:0]
	acked := 0
	for i := range c.replies {
		r := c.replies[i]
		if place[i] = -1; v.left > 0 && r.end <= v.End[v.left-1] {
			continue
		}
		place[i] = int32(len(kept))
		if i < c.ackedTo {
			acked++
		}
		kept = append(kept, r)
	}
	c.replies, c.ackedTo = kept, acked
	c.keepLast(len(c.commands) - done)
	for i := range c.commands {
		if at := c.commands[i].reply; at >= 0 {
			c.commands[i].reply = place[at]
		}
	}
}

// drop forgets the records of a connection; what follows them begins anew.
func (c *Conn) drop(r *Reader) {
	for i := range c.replies {
		c.seen = max(c.seen, c.replies[i].end)
	}
	c.keepLast(0)
	c.replies, c.writes = c.replies[:0], c.writes[:0]
	c.ackedTo, c.clear, c.done = 0, 0, 0
}
