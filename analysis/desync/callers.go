package desync

import (
	"math"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/reassembly"
)

// Callers is the callers of one connection: which reply each of them got, as far as it was judged, and what went wrong.
type Callers struct {
	*client.Conn
	Judging *Judging
	Desync  *Desync
	Dirty   bool // used again with an unread reply
	Behind  int  // the most replies that its callers were behind
	counted bool // among Judging.Behind
	Waiting bool // it is over, and waits for its verdict

	feed
	unread  pairing.Queue      // replies owed to callers that had given up, oldest first
	given   *pairing.Exchange  // whose caller gave up, until the next command is judged
	sure    reader.Word        // … and how sure it is that the reply was left for the next caller
	gaveUp  reader.Word        // … and that it gave up, whatever became of the reply
	lifted  pairing.Confidence // how sure it is, by more than the reader weighs, that its callers are behind
	misread int                // the last command whose caller got another's reply
	stale   *pairing.Exchange  // whose caller read a reply from before the capture, until then
	last    *pairing.Exchange  // the last command that was judged
	until   int                // commands up to this one read their own replies, and wait for the end of their transaction
	word    pairing.Confidence
	shared  int // writes of another caller into the time of a reply
	block   *BlockGivenUp
	judgement
	ended bool // the verdict was the last one
}

// judgement is what was inferred of the connection's reader.
type judgement struct {
	weighed bool // a verdict weighed the kinds
	kinds   [client.NumKinds]float64
	leaving float64     // chance that late replies are left for the next caller, by the latest verdict
	shares  reader.Word // how sure it is that several callers share the connection though they should not
	habits  *reader.Habits
}

// settled takes commands whose callers read their own replies.
func (c *Callers) settled(upTo int, w pairing.Confidence) {
	c.until, c.word = upTo, w
	if !c.holdsBlock() {
		c.flush()
	}
}

// flush hands out the commands that have settled.
func (c *Callers) flush() {
	for c.Log.Len() > 0 && c.Log.Front().Index <= c.until {
		ex := c.Log.Front()
		if ex.Waits() {
			ex.Belief = pairing.Belief{Index: ex.Index, Confidence: c.word}
			late(c, ex, reader.Word(c.word))
		}
		c.emitFront()
	}
}

// maxHeldBlock is how many commands wait for the EXEC of their transaction, whose reply says what each of them got.
const maxHeldBlock = 1 << 12

// holdsBlock reports whether the commands of an open transaction are to be kept together until EXEC: their elements are
// not known yet.
func (c *Callers) holdsBlock() bool {
	return c.InBlock() && !c.Over && c.Log.Len() < maxHeldBlock
}

// verdict says of each command that it covers which reply its caller got.
func (c *Callers) verdict(v *reader.Verdict) {
	c.flush()
	c.leaving = leaves(&v.Kinds)
	if !v.Quiet {
		c.weighed, c.kinds, c.shares = true, v.Kinds, sharing(c, v)
	}
	if v.Habits != nil {
		c.habits = v.Habits
	}
	rows := v.Rows
	for c.Log.Len() > 0 && (c.Log.Front().Index <= int(v.Last) || v.Ended) {
		n := 1
		for n < c.Log.Len() && (c.Log.At(n).Index <= int(v.Last) || v.Ended) && c.Log.At(n).Batch == c.Log.Front().Batch {
			n++
		}
		c.batch(c.Log.Rest()[:n], &rows)
		for range n {
			c.emitFront()
		}
	}
	if v.Ended {
		if c.ended = true; c.Waiting {
			c.end()
		}
		return
	}
	c.stand(c.unread.Len())
	if d := c.Desync; c.Judging.Live && !c.Over && d != nil && d.Changed {
		d.Open = true
		c.Judging.sink.Desynced(c)
	}
}

// stand notes how many replies its callers are behind at the moment.
func (c *Callers) stand(behind int) {
	d := c.Desync
	if d == nil {
		return
	}
	if c.Over {
		behind = 0
	}
	if (d.Now > 0) != (behind > 0) {
		d.Changed = true
	}
	d.Now = behind
	if counts := behind > 0 && d.surest() >= pairing.Likely; counts != c.counted {
		c.counted = counts
		if counts {
			c.Judging.Behind++
		} else {
			c.Judging.Behind--
		}
	}
}

// end hands out what is left, and closes its record.
func (c *Callers) end() {
	c.flush()
	closed(c)
	c.emitUnjudged()
	if c.Waiting {
		c.Waiting = false
		c.Judging.unawait(c)
		c.Judging.sink.Retire(c)
	}
}

// Forget gives up what is held of exchanges: the connection is retired.
func (c *Callers) Forget() {
	c.stand(0)
	if c.conn != nil {
		c.conn.Release()
		c.conn = nil
	}
	c.readUpTo(math.MaxInt)
	c.drop(&c.given)
	c.drop(&c.stale)
	c.drop(&c.last)
}

func (c *Callers) drop(ex **pairing.Exchange) {
	if *ex != nil {
		c.Shared.Release(*ex)
		*ex = nil
	}
}

// keep holds an exchange in place of another one.
func (c *Callers) keep(at **pairing.Exchange, ex *pairing.Exchange) {
	ex.Refs++
	c.drop(at)
	*at = ex
}

// Closed takes the end of the connection. It reports whether nothing waits for judgement.
func (c *Callers) Closed() bool {
	if c.conn == nil {
		c.emitUnjudged()
		return true
	}
	c.belongs()
	if !c.Asks() {
		c.conn.Abandon()
	}
	if c.conn.End(c.Last); c.ended || !c.Asks() {
		c.flush()
		closed(c)
		c.emitUnjudged()
		return true
	}
	c.Waiting = true
	c.Judging.Waiting = append(c.Judging.Waiting, c)
	return false
}

// Settle hands out the exchanges of a connection on which nobody reads in turn: subscribers, MONITOR, replication.
func (c *Callers) Settle() {
	if c.Asks() {
		if c.until > 0 && !c.holdsBlock() {
			c.flush()
		}
		return
	}
	if c.conn != nil {
		c.conn.Abandon()
	}
	c.emitUnjudged()
}

func (c *Callers) emitUnjudged() {
	for c.Log.Len() > 0 {
		ex := c.Log.Front()
		if ex.Waits() && !ex.Served && !c.Over && c.Log.Len() < pairing.MaxSessionLog && c.Kind != pairing.Replication {
			return
		}
		if ex.Served {
			ex.Belief = pairing.Belief{Index: ex.Index, Confidence: pairing.Likely}
			if c.Asks() {
				ex.Belief = pairing.Belief{Outcome: pairing.Unknown}
			}
		}
		c.emitFront()
	}
}

// emitFront hands the front of the log out.
func (c *Callers) emitFront() {
	ex := c.Log.Pop()
	if c.Acked > 0 {
		c.Acked--
	}
	if c.Prev.Ex == ex {
		c.Prev.Ex = nil
	}
	c.Judging.sink.Judged(ex) // its belief is final
	c.Shared.Release(ex)
}

// wrote takes a command that begins another write than the one before it, while the connection's tail is still that one.
func (c *Callers) wrote(ex *pairing.Exchange) {
	afterQuit(c, c.Prev.Ex, ex)
	if ex.Flags&pairing.NotAwaited != 0 && c.Pending.Len() > 0 {
		blockGivenUp(c, GaveUpQuit, ex.Frame, ex.Time.Sub(c.Pending.Front().EndTime), ex.Ack)
	}
}

// ClientClosed takes the client's close.
func (c *Callers) ClientClosed() {
	if c.Pending.Len() > 0 {
		x := &c.Closing[pairing.RoleClient]
		blockGivenUp(c, GaveUpClose, x.Frame, x.Time.Sub(c.Pending.Front().EndTime), x.Ack)
	}
}

// weights are what the library or the user says of the connection's kind; nil: nothing.
func (c *Callers) weights() *client.KindWeights {
	policy, basis := c.Known()
	return policy.Weights(basis)
}

// flat reports whether b directly follows a in the client's stream and carries the same ACK number: not one byte of the
// server became readable between the two writes.
func flat(a, b *pairing.Exchange) bool {
	return a.End == b.Before && a.Ack == b.Ack && !a.Late && !b.Late && b.Ack != reassembly.NoAck
}
