package desync

import (
	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/analysis/reader"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// feed hands on to the inference what the pairing finds of one connection.
type feed struct {
	conn   *reader.Conn
	synAck capture.Time // the first one; 0: none was seen
	ack    capture.Time // the first segment that acknowledges it and nothing more
	shaken bool
	edges  [2]edge // by role
}

// edge is where the last value of a role ended, and how many places behind it enclose the content of encrypted records.
type edge struct{ end, framing int64 }

// start returns where a value begins that has content from start on: where the one before it ended, unless bytes were lost between.
func (e *edge) start(start, end int64) int64 {
	if e.framing > 0 {
		if start -= e.framing; start < e.end {
			start = e.end // what was enclosed lay within the value, too
		}
		e.framing = 0
	}
	e.end = end
	return start
}

// handshake measures how long the client took to acknowledge the SYN-ACK: by the segment that does just that, which the file
// may have before the SYN-ACK. What comes with the first command comes as late as that.
func (c *Callers) handshake(who int, seg *reassembly.Segment) {
	conn, client := seg.Conn, seg.From
	switch {
	case who == pairing.RoleServer && seg.Flags&reassembly.SYN != 0 && c.synAck == 0:
		c.synAck = seg.Time
	case who == pairing.RoleClient && seg.Flags == reassembly.ACK && seg.Length+seg.Repeated == 0 && c.ack == 0 &&
		seg.RawSeq == conn.Sides[client].FirstSeq && seg.RawAck == conn.Sides[client.Other()].FirstSeq:
		c.ack = seg.Time
	}
	if c.synAck != 0 && c.ack != 0 {
		if c.shaken = true; c.ack >= c.synAck {
			c.conn.Handshake(c.ack.Sub(c.synAck))
		}
	}
}

// open begins with the first segment whose roles are known.
func (c *Callers) open() *reader.Conn {
	if c.conn == nil && c.RoleKnown {
		c.conn = c.Judging.reader.Open(c.ID, c.Client.Addr(), c.Start == reassembly.MidStream)
		c.conn.Tag = c
	}
	return c.conn
}

// Segment takes each segment before its bytes are read.
func (c *Callers) Segment(who int, seg *reassembly.Segment) {
	conn := c.open()
	if conn == nil {
		return
	}
	if !c.shaken && c.Start != reassembly.MidStream {
		c.handshake(who, seg)
	}
	c.edges[who].framing += seg.Framing
	if who == pairing.RoleServer {
		if seg.Flags != 0 { // else it only tells of lost bytes
			conn.Heard()
		}
		if seg.Length > len(seg.Payload) && !seg.Sealed {
			conn.Came(seg.Time, seg.Offset+int64(seg.Length))
		}
	} else {
		if seg.Ack != reassembly.NoAck && seg.Flags&reassembly.RST == 0 {
			conn.Acked(seg.Time, seg.Ack)
		}
	}
	if seg.Flags&(reassembly.FIN|reassembly.RST) != 0 {
		ack := int64(-1)
		if seg.Ack != reassembly.NoAck {
			ack = seg.Ack
		}
		conn.Closed(&reader.Ending{Time: seg.Time, ByClient: who == pairing.RoleClient, Reset: seg.Flags&reassembly.RST != 0, Ack: ack})
	}
}

// belongs says which population the connection is of, once its set-up is over.
func (c *Callers) belongs() { c.conn.Belongs(c.key()) }

// key names the population of the connection.
func (c *Callers) key() reader.Key {
	return reader.Key{Client: c.Client.Addr(), SetUp: c.SetUpSignature()}
}

// Sent takes a command when all its flags are known. start is the segment that it begins in.
func (c *Callers) Sent(ex *pairing.Exchange, start *pairing.SegmentMark) {
	if p := &c.Prev; !p.Valid || !p.SameWrite(ex, start) && !(p.Full && p.Ack == ex.Ack) {
		c.wrote(ex)
	}
	conn := c.open()
	if conn == nil {
		return
	}
	if c.Pop != nil {
		c.belongs()
	}
	cmd := reader.Command{Index: int32(ex.Index), Time: ex.Time, EndTime: ex.EndTime, Start: c.edges[pairing.RoleClient].start(ex.Start, ex.End), End: ex.End, Ack: ex.Ack}
	if ex.Ack == reassembly.NoAck {
		cmd.Ack = -1
	}
	set := func(on bool, flag reader.CommandFlags) {
		if on {
			cmd.Flags |= flag
		}
	}
	set(ex.Waits(), reader.Awaited)
	set(ex.Flags&pairing.InHandshake != 0, reader.SetUp)
	set(ex.Verb == pairing.VerbQuit || ex.Verb == pairing.VerbReset, reader.Farewell)
	set(ex.Flags&pairing.Blocks != 0, reader.Blocking)
	set(c.Prev.Valid && c.Prev.SameWrite(ex, start), reader.Joined)
	set(ex.Full, reader.FullSized)
	set(ex.Flags&pairing.AfterHole != 0, reader.AfterLoss)
	set(c.unsure(ex), reader.Unsure)
	set(ex.Late, reader.Resent)
	conn.Sent(&cmd)
}

// Served takes a reply that was tied to its command.
func (c *Callers) Served(ex *pairing.Exchange) {
	if c.block != nil {
		blockServed(c, ex)
	}
	if c.conn == nil || !c.Asks() && c.Kind != pairing.Undecided {
		return
	}
	r := &ex.Serves
	if drains(ex) {
		c.conn.Drains(int32(ex.Index))
	}
	c.conn.Answered(&reader.Reply{
		Index: int32(ex.Index), Unsure: c.unsure(ex), Time: r.Time, Start: c.edges[pairing.RoleServer].start(r.Start, r.End), End: r.End, Type: typeOf(r.Kind),
	})
}

// unsure reports whether it is not certain which reply serves a command. Where a capture merely begins in the middle of a
// connection, which nearly always owes nothing then, what the reader takes its callers to be behind by is enough.
func (c *Callers) unsure(ex *pairing.Exchange) bool {
	return ex.Flags&pairing.Uncertain != 0 && c.Lossy()
}

// Pushed takes a push: what it takes of the stream is not missing between the replies.
func (c *Callers) Pushed(r *pairing.ReplyInfo) {
	if !r.Resynced {
		c.edges[pairing.RoleServer].framing += r.End - r.Start
	}
}

// Extra takes a reply that no command asked for.
func (c *Callers) Extra(r *pairing.ReplyInfo) {
	if c.conn != nil {
		c.conn.Answered(&reader.Reply{Time: r.Time, Start: c.edges[pairing.RoleServer].start(r.Start, r.End), End: r.End, Type: typeOf(r.Kind)})
	}
}

// AnswersUnseen takes a reply to a command that was never captured, written before the given one.
func (c *Callers) AnswersUnseen(r *pairing.ReplyInfo, before int) {
	if c.conn != nil && before > 0 {
		c.conn.Answered(&reader.Reply{Index: int32(-before), Time: r.Time, Start: c.edges[pairing.RoleServer].start(r.Start, r.End), End: r.End, Type: typeOf(r.Kind)})
	}
}

// Parted takes that the last command, of which nothing is known, may have been a QUIT.
func (c *Callers) Parted() {
	if ex := c.LastExchange(); ex != nil {
		ex.Flags |= pairing.NotAwaited
	}
	if c.conn != nil {
		c.conn.Parted()
	}
}

// LeftOut takes a command that the server did not answer.
func (c *Callers) LeftOut(ex *pairing.Exchange) {
	if c.conn != nil {
		c.conn.LeftOut(int32(ex.Index))
	}
}

// Overrun takes that more commands wait than may: what their callers got is not inferred.
func (c *Callers) Overrun() {
	if c.conn != nil {
		c.conn.Overrun()
	}
}

// typeOf is the class of a reply as far as parsers mind.
func typeOf(k resp.Kind) inference.Type {
	switch k {
	case resp.Simple:
		return inference.Status
	case resp.Error:
		return inference.Failure
	case resp.Integer:
		return inference.Integer
	case resp.Bulk, resp.Verbatim:
		return inference.Bulk
	case resp.Null:
		return inference.Null
	case resp.Array, resp.Map, resp.Set:
		return inference.Aggregate
	}
	return inference.Opaque
}
