// Package sealed makes exchanges of a connection of which not a byte can be read: of its writes, and of what came back.
//
// Where TLS is not decrypted, the records with content of the application are seen with their lengths, places, ACK numbers and
// times. A write of the client is taken for a command, and what the server then sends for its reply, so that the rooms that infer
// who waited and who gave up work as on connections in the clear. How many commands a write holds is not known, nor how many
// replies a record.
//
//  1. A write is what the client hands to its kernel at once: the records of one packet, and those that continue a full one
//     (RFC 8446 section 5.1). One command may be in two writes all the same; the gate of package inference weighs that, as it
//     does for callers that share a connection.
//  2. With one write outstanding, all that comes before the next one is its reply.
//  3. With several outstanding, each record answers the oldest that the server had when it sent it. One record may answer more
//     of them: Redis handles at once what it has. So what the server had when it sent its last record, and has not answered
//     for longer than replies usually take, with the way there and back, was answered with that record. By this the
//     pairing is level again after each pause, and no error lasts.
//  4. What a client writes before the first reply, without a pause, is the set-up, written ahead: one write. What is too short for a
//     command is a piece of one.
//  5. A server that often sends while nothing is outstanding is one of messages or replication: nobody reads in turn there.
package sealed

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// fullContent is the content of a record that has no room for more (RFC 8446 section 5.1).
const fullContent = 1 << 14

// Bounds of the writes of one connection that wait for a reply.
const (
	maxOpen      = 1 << 10
	maxOpenFlood = 1 << 4 // while many commands of all connections are kept
)

// Limits are those of the connections of one run.
type Limits struct{ open, flood *bound.Bound }

// NewLimits makes the limits of a run.
func NewLimits(set *bound.Set) *Limits {
	const oldest = "replies to all writes that a connection had outstanding"
	return &Limits{
		open:  set.New(bound.Bound{Name: "outstanding encrypted writes", Limit: maxOpen, Hides: oldest, Loses: bound.Evidence}),
		flood: set.New(bound.Bound{Name: "outstanding encrypted writes while many commands are kept", Limit: maxOpenFlood, Hides: oldest, Loses: bound.Evidence}),
	}
}

// shortestTimer is the shortest deadline that a client can set: nobody gives up sooner.
const shortestTimer = time.Duration(inference.ShortestTimer * float64(time.Second))

// leastCommand is the content of the shortest command that programs send, "*1\r\n$4\r\nPING\r\n": less is a piece of one. QUIT is as long.
const leastCommand = 14

// Conn makes the exchanges of one connection. Before comes first with each segment, then FromClient or FromServer once the
// pairing has seen it, and Finish at the end.
type Conn struct {
	s      *pairing.Session
	limits *Limits
	write  write
	reply  reply
	waits  [16]float32 // latest times to a reply, from the last write that the server had, s
	taken  int         // of these
	sent   content     // the write before
	// unasked counts what came while nothing was outstanding, and longer after the record before it than replies take: messages, or
	// a stream of replication.
	unasked int
}

// content is what a write held: where it ends, how much of it is the application's, and when it was.
type content struct {
	end    int64
	length int64
	at     capture.Time
	seen   bool
}

// write is the write whose records are coming in.
type write struct {
	req   resp.Request
	start pairing.SegmentMark
	last  reassembly.Segment // of its last record; Payload and Conn are not kept
	bytes int64              // of content
	open  bool
}

// reply is what came back last.
type reply struct {
	info pairing.ReplyInfo
	full bool         // its last record is full: more of it follows
	end  int64        // place behind it
	had  int64        // of the client's stream, that the server had when it sent it
	at   capture.Time // … and when that was; 0: it has sent nothing yet
	last capture.Time // when its last record came, whatever that was
}

// rarely is one in how many records may come unasked on a connection of commands and replies: a KeyUpdate, or a piece of a reply.
const rarely = 10

// unnamed is the name of a command that nobody can read.
var unnamed = []resp.Arg{{}}

// New begins with the first record of a connection that has content and cannot be read.
func New(s *pairing.Session, limits *Limits) *Conn { return &Conn{s: s, limits: limits} }

// Before takes a segment before anything else looks at it: a write that it does not continue is over.
func (c *Conn) Before(who int, seg *reassembly.Segment) {
	if c.write.open && c.write.bytes >= leastCommand && !(who == pairing.RoleClient && c.continues(seg)) {
		c.flush()
	}
	if who == pairing.RoleClient && (seg.Length > 0 || seg.Flags&(reassembly.FIN|reassembly.RST) != 0) && !c.write.open {
		c.level(seg.Time)
	}
	if who == pairing.RoleServer && seg.Missing > 0 {
		c.lost()
	}
}

// continues reports whether a segment belongs to the write whose records are coming in.
func (c *Conn) continues(seg *reassembly.Segment) bool {
	w := &c.write
	return seg.Length > 0 && seg.Missing == 0 && (seg.Frame == w.last.Frame && seg.File == w.last.File || w.last.Length >= fullContent)
}

// FromClient takes a segment of the client.
func (c *Conn) FromClient(seg *reassembly.Segment) {
	if seg.Length == 0 {
		return
	}
	w := &c.write
	if !w.open {
		w.open, w.bytes = true, 0
		c.s.MarkOf(seg, &w.start)
		w.req.Start = seg.Offset
		if c.sent.seen && seg.Missing == 0 {
			w.req.Start = c.sent.end // what encloses it is between
		}
	}
	w.bytes += int64(seg.Length)
	w.last = *seg
	w.last.Payload, w.last.Conn = nil, nil
	w.req.End = seg.Offset + int64(seg.Length)
}

// flush hands on the write that is over.
func (c *Conn) flush() {
	w := &c.write
	w.open = false
	if c.s.CommandCount > 0 && c.s.ReplyCount == 0 && w.last.Time.Sub(c.sent.at) < shortestTimer {
		c.sent.at = w.last.Time // the set-up, which is written ahead: its replies are one
		return
	}
	limit := c.limits.open
	if c.s.Shared.InUse > 2*c.s.Shared.MaxLog {
		limit = c.limits.flood
	}
	if !limit.Admits(c.s.Pending.Len()) {
		for c.s.Pending.Len() > 0 {
			c.s.DropPending()
		}
		c.s.Sink.Overrun()
	}
	w.req.Args, w.req.NArgs = unnamed, 1
	c.sent = content{w.req.End, w.bytes, w.last.Time, true}
	c.s.Wrote(&w.req, &w.last, &w.start)
}

// FromServer takes a segment of the server.
func (c *Conn) FromServer(seg *reassembly.Segment) {
	if seg.Length == 0 {
		return
	}
	r := &c.reply
	if n := c.s.Pending.Len(); n > 0 && c.s.Pending.At(n-1).End > r.had {
		c.level(seg.Time) // else it is what that was owed
	}
	end := seg.Offset + int64(seg.Length)
	if c.s.Pending.Len() == 0 || seg.Ack != reassembly.NoAck && c.s.Pending.Front().End > seg.Ack {
		if r.at != 0 && seg.Missing == 0 && seg.Time.Sub(r.last).Seconds() > c.s.Usual {
			if c.unasked++; c.unasked > 1+c.s.ReplyCount/rarely {
				c.s.Streams = true
			}
		}
		r.end, r.full, r.last = end, false, seg.Time // it goes on, or nobody asked
		return
	}
	r.last = seg.Time
	i := &r.info
	if !r.full {
		*i = pairing.ReplyInfo{Start: seg.Offset, K: seg.Ack, FirstTime: seg.Time, Time: seg.Time}
		if r.at != 0 && seg.Missing == 0 {
			i.Start = r.end
		}
	}
	i.MaxGap = max(i.MaxGap, seg.Time.Sub(i.Time))
	i.End, i.Time, i.Frame, i.File = end, seg.Time, seg.Frame, seg.File
	i.N += int64(seg.Length)
	r.end, r.full = end, seg.Length >= fullContent
	if r.full {
		return
	}
	c.serve()
	r.had, r.at = i.K, i.Time
}

// serve gives what came to the oldest write.
func (c *Conn) serve() {
	i, had := &c.reply.info, c.s.Pending.Front()
	for _, ex := range c.s.Pending.Rest() {
		if ex.End <= i.K {
			had = ex // it may answer this one, too, or be what this one was waited for with
		}
	}
	c.waits[c.taken%len(c.waits)] = float32(i.FirstTime.Sub(had.EndTime).Seconds())
	c.taken++
	c.s.Replied(i)
	sorted := c.waits
	n := min(c.taken, len(sorted))
	slices.Sort(sorted[:n])
	c.s.Usual = float64(sorted[n/2])
}

// level takes that nothing came until now: what the server had when it sent its last record was answered with it, if it answers
// sooner than that.
func (c *Conn) level(now capture.Time) {
	r := &c.reply
	for r.at != 0 && c.s.Pending.Len() > 0 && c.s.Pending.Front().End <= r.had && now.Sub(r.at).Seconds() > c.s.Usual {
		i := r.info
		i.Start, i.FirstTime = i.End, i.Time
		i.MaxGap, i.N = 0, 0
		c.s.Replied(&i)
	}
}

// lost takes that bytes of the server are missing: the reply to the oldest write, or a part of it.
func (c *Conn) lost() {
	c.reply.full = false
	if c.s.Pending.Len() > 0 {
		c.s.DropPending()
	}
}

// Finish ends what is open: nothing more comes.
func (c *Conn) Finish(at capture.Time) {
	if c.write.open {
		c.flush()
	}
	if r := &c.reply; r.full && c.s.Pending.Len() > 0 {
		c.serve()
	}
	c.level(at)
}

// LastIsFarewell reports whether the last write may be a QUIT, by its length.
func (c *Conn) LastIsFarewell() bool { return c.sent.seen && c.sent.length <= leastCommand }

// Command stands for what a write holds.
var Command = &commands.Command{Name: "encrypted write"}
