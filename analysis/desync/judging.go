package desync

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/client"
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// JudgingOptions steer how beliefs are judged; the zero value is good.
type JudgingOptions struct {
	Live    bool // report what is found on connections that go on
	Print   pairing.Printer
	Without inference.Terms // evidence to leave out, for tables by term
	// ReadTimeout returns the read timeout that is known of a client; nil: none is.
	ReadTimeout func(netip.Addr) (time.Duration, bool)
}

// Judging is what the readers of one run have in common.
type Judging struct {
	JudgingOptions
	Waiting    []*Callers // connections that are over and wait for their verdict
	Kept       int        // abandonments of open connections
	Abandoned  int64      // callers that gave up, on connections of any policy
	Suppressed int64      // observations too weak to be reported
	Behind     int        // open connections whose callers are behind at the moment, likely at least

	reader    *reader.Reader
	sink      Sink
	undecided map[*client.Population]*Undecided
}

// Sink is given what was judged.
type Sink interface {
	Judged(ex *pairing.Exchange)
	SharedUse(e *SharedUse)
	WaitEnded(c *Callers, w *EndOfWait)
	Blocked(b *BlockGivenUp)
	// Desynced is called with a connection that goes on and whose callers got worse off, in a live run.
	Desynced(c *Callers)
	// Retire is called with a connection that is over and wholly judged.
	Retire(c *Callers)
	// Guard calls what may fail about a connection.
	Guard(c *Callers, judge func())
}

// NewJudging prepares the inference of a run.
func NewJudging(o JudgingOptions, sink Sink, bounds *bound.Set) *Judging {
	j := &Judging{JudgingOptions: o, sink: sink}
	j.reader = reader.New(reader.Options{Without: o.Without, ReadTimeout: o.ReadTimeout, Settled: j.settled, Known: known, Doubts: doubts, Bounds: bounds}, j.judged)
	return j
}

// Of makes the callers of a connection.
func (j *Judging) Of(c *client.Conn, was Callers) Callers {
	was.unread.Clear()
	return Callers{Conn: c, Judging: j, unread: was.unread}
}

// Finish judges what still waits: nothing more comes.
func (j *Judging) Finish(now capture.Time) {
	j.reader.Finish(now)
	waiting := j.Waiting
	j.Waiting = nil
	slices.SortFunc(waiting, func(a, b *Callers) int { return cmp.Compare(a.ID, b.ID) })
	for _, c := range waiting { // no verdict came: nobody was seen to wait there
		j.sink.Guard(c, func() { c.end() })
	}
}

// Tick says that no packet before now is still to come: of a live run.
func (j *Judging) Tick(now capture.Time) { j.reader.Tick(now) }

// settled takes that callers of a connection without a doubt read their own replies.
func (j *Judging) settled(conn *reader.Conn, upTo int32, w reader.Word) {
	if c, ok := conn.Tag.(*Callers); ok {
		c.settled(int(upTo), pairing.Confidence(w))
	}
}

// known says what the library or the user says of a connection's kind.
func known(conn *reader.Conn) *client.KindWeights {
	if c, ok := conn.Tag.(*Callers); ok {
		return c.weights()
	}
	return nil
}

// doubts says what makes it less sure what the packets of a connection say.
func doubts(conn *reader.Conn) (d reader.Doubts) {
	if c, ok := conn.Tag.(*Callers); ok {
		policy, basis := c.Known()
		d = reader.Doubts{
			CutCommands: c.CutCommands(), Lossy: c.Lossy(), Sealed: c.Kind == pairing.TLS,
			Together: basis >= client.Named && policy != client.PolicyUnknown && !policy.TakesTurns(),
		}
	}
	return d
}

// judged takes what is inferred of a connection.
func (j *Judging) judged(v *reader.Verdict) {
	c, ok := v.Conn.Tag.(*Callers)
	if !ok {
		return
	}
	if !c.Over || c.Waiting {
		j.sink.Guard(c, func() { c.verdict(v) })
	} else {
		c.verdict(v) // the connection is just being closed
	}
}

func (j *Judging) unawait(c *Callers) {
	if i := slices.Index(j.Waiting, c); i >= 0 {
		j.Waiting = slices.Delete(j.Waiting, i, i+1)
	}
}

// Drop forgets a connection without judging it.
func (j *Judging) Drop(c *Callers) {
	if c.Desync != nil {
		j.Kept -= len(c.Desync.Abandoned)
	}
	c.stand(0)
	if c.conn != nil {
		c.conn.Tag = nil
		c.conn.Abandon()
	}
	j.unawait(c)
}
