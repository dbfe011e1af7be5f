package evidence

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/respsniff/respsniff/analysis"
	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
	"github.com/respsniff/respsniff/resp/commands"
)

// maxSpans bounds the secrets remembered of one connection. Beyond it the rest of both streams is blanked.
const maxSpans = 4096

// Cutter learns in one pass over a capture what to cut, and cuts in a second one over the same capture.
type Cutter struct {
	want     map[int64]bool
	all      bool // whatever want says
	raw      bool
	conns    map[int64]*target
	byAddr   map[[2]netip.AddrPort][]*target // both directions
	comments map[place][]string
	pending  map[exchangeID]bool // commands whose reply is secret
	early    map[int64][]read    // what was read of a connection, before it is in conns
	noted    int                 // entries of early
}

type exchangeID struct {
	conn  int64
	index int
}

type place struct {
	file  int32
	frame int64
}

// target is a connection to cut.
type target struct {
	client, server netip.AddrPort
	first, last    capture.Time
	reported       [2]int64  // end of the last value reported, by sender
	base           [2]uint32 // raw sequence number of offset 0: of the client, of the server
	spans          [2][]span // what to blank, by sender, in stream order
	queued         bool      // the transaction holds a command with secrets
	read           []read    // which bytes of which packet were read, sorted in the second pass
	sorted         bool
	passed         [2][]passed            // the latest packets of the second pass, by sender
	held           [2]int                 // bytes of their payloads
	encryption     *reassembly.Encryption // nil: there is none
}

// span is a run of stream bytes to blank, as raw sequence numbers.
type span struct {
	from   uint32
	length uint32
	framed bool    // the bytes are whole RESP values, whose framing is kept
	scan   scanner // where it stands in them
	next   uint32  // the sequence number that scan waits for
}

// New returns a Cutter for the connections with these numbers. raw leaves secrets in.
func New(conns []int64, raw bool) *Cutter {
	c := &Cutter{
		want: map[int64]bool{}, raw: raw, conns: map[int64]*target{}, byAddr: map[[2]netip.AddrPort][]*target{}, comments: map[place][]string{},
		pending: map[exchangeID]bool{}, early: map[int64][]read{},
	}
	for _, id := range conns {
		c.want[id] = true
	}
	return c
}

// NewAll returns a Cutter for all connections, which leaves no secret in.
func NewAll() *Cutter {
	c := New(nil, false)
	c.all = true
	return c
}

// wants reports whether a connection is to be cut.
func (c *Cutter) wants(conn int64) bool { return c.all || c.want[conn] }

// Watch takes an event of the first pass.
func (c *Cutter) Watch(event pairing.Event) {
	switch e := event.(type) {
	case *analysis.Opened:
		c.open(e.Session)
	case *analysis.Sent:
		if t := c.open(e.Session); t != nil {
			c.request(t, e)
		}
	case *analysis.Answered:
		c.reply(e.Session, e.Reply, &e.Exchange.Serves)
	case *pairing.Oddity:
		c.reply(analysis.SessionOf(e.Session), e.Reply, e.Info)
	case *pairing.Exchange:
		if t := c.conns[e.Session.ID]; t != nil {
			c.exchange(t, e)
		}
	case *analysis.Ended:
		if t := c.conns[e.Session.ID]; t != nil && !c.raw {
			t.ended(e.Session)
		}
	case *analysis.ConnSummary:
		if t := c.conns[e.ID]; t != nil {
			t.first, t.last = e.First, e.Last
			t.read = c.early[e.ID]
			delete(c.early, e.ID)
		}
	}
}

func (c *Cutter) open(s *analysis.Session) *target {
	if t := c.conns[s.ID]; t != nil || !c.wants(s.ID) {
		return t
	}
	t := &target{client: s.Client, server: s.Server, first: s.First, last: s.First}
	c.conns[s.ID] = t
	c.byAddr[[2]netip.AddrPort{t.client, t.server}] = append(c.byAddr[[2]netip.AddrPort{t.client, t.server}], t)
	c.byAddr[[2]netip.AddrPort{t.server, t.client}] = append(c.byAddr[[2]netip.AddrPort{t.server, t.client}], t)
	return t
}

const (
	fromClient = 0
	fromServer = 1
)

// bases reads where the streams begin; it is known once a side has sent anything.
func (t *target) bases(conn *reassembly.Conn) {
	if conn == nil {
		return
	}
	client := reassembly.A
	if conn.Ends[reassembly.B] == t.client {
		client = reassembly.B
	}
	t.base[fromClient] = conn.Sides[client].FirstSeq
	t.base[fromServer] = conn.Sides[client.Other()].FirstSeq
}

func (c *Cutter) request(t *target, e *analysis.Sent) {
	if c.raw {
		return
	}
	t.bases(e.Session.Conn)
	q := e.Request
	args, reply := commands.Secrets(q)
	t.queue(e.Exchange, args != 0 || reply)
	if reply || t.execSecret(e.Exchange) {
		c.pending[exchangeID{e.Session.ID, e.Exchange.Index}] = true
	}
	t.skipped(fromClient, e.Session, q.Start, q.End)
	name := q.Args[0]
	switch known := commands.IsName(name.Bytes) && name.Whole(); {
	case !known, q.Inline && !plainLine(q), q.Resynced, q.Opaque && commands.NamesSecret(name.Bytes):
		// A password may stand where a name is due, or where a key is.
		t.add(fromClient, q.Start, q.End-q.Start, !q.Inline)
		return
	case args == 0:
		return
	}
	spans, exact := argumentSpans(q, args)
	if !exact {
		// A line, or a request with more arguments than are kept.
		t.add(fromClient, q.Start, q.End-q.Start, !q.Inline)
		return
	}
	for _, s := range spans {
		t.add(fromClient, s[0], s[1]-s[0], false)
	}
}

// plainLine reports whether a request that came as a line is known to hold no secret: it has no argument.
func plainLine(q *resp.Request) bool { return q.NArgs == 1 && commands.IsCommandName(q.Args[0].Bytes) }

// queue follows whether the transaction that a connection is in holds a command with secrets.
func (t *target) queue(ex *pairing.Exchange, secret bool) {
	switch ex.CommandName() {
	case "MULTI", "DISCARD":
		t.queued = false
	default:
		t.queued = t.queued || secret
	}
}

// execSecret reports whether a command gives the results of a transaction that holds one with secrets, or may.
func (t *target) execSecret(ex *pairing.Exchange) bool {
	if ex.CommandName() != "EXEC" {
		return false
	}
	secret := t.queued || ex.Flags&(pairing.Uncertain|pairing.AfterHole) != 0
	t.queued = false
	return secret
}

// argumentSpans gives the places of the secret arguments in the stream. It is exact only for a request in the canonical
// form that every client library writes, with all its arguments at hand.
func argumentSpans(q *resp.Request, secret uint64) (spans [][2]int64, exact bool) {
	if q.Inline || q.NArgs != len(q.Args) {
		return nil, false
	}
	at := q.Start + int64(len(fmt.Sprintf("*%d\r\n", q.NArgs)))
	for i, a := range q.Args {
		at += int64(len(fmt.Sprintf("$%d\r\n", a.Len)))
		if secret>>min(i, 63)&1 != 0 {
			spans = append(spans, [2]int64{at, at + int64(a.Len)})
		}
		at += int64(a.Len) + 2
	}
	return spans, at == q.End
}

func (c *Cutter) exchange(t *target, e *pairing.Exchange) {
	id := exchangeID{e.Session.ID, e.Index}
	if !c.pending[id] {
		return
	}
	delete(c.pending, id)
	if !e.Served || e.Flags&pairing.Uncertain != 0 {
		// Its reply is somewhere behind what the client had read when it wrote.
		t.add(fromServer, max(e.Ack, 0), unlimited, false)
		return
	}
	length := e.Serves.Bytes()
	if e.CommandName() == "MONITOR" {
		length = unlimited // every line after it may hold one
	}
	t.add(fromServer, e.Serves.Start, length, true)
}

// reply blanks a reply that looks secret whatever it is tied to: its command may not have been captured. So it does with
// what a hole left of a reply.
func (c *Cutter) reply(s *analysis.Session, r *resp.Reply, info *pairing.ReplyInfo) {
	t := c.conns[s.ID]
	if t == nil || c.raw || r == nil || info == nil {
		return
	}
	t.bases(s.Conn)
	t.skipped(fromServer, s, info.Start, info.End)
	if holed(s) && info.Resynced || commands.SecretReply(r) { // what seems a reply behind a hole may be an element of one
		t.add(fromServer, info.Start, info.Bytes(), true)
		return
	}
	if r.Kind == resp.Error || r.Kind == resp.Simple { // what the server repeats
		if from := commands.HiddenFrom(string(r.Text)); from < len(r.Text) || int64(len(r.Text))+3 < info.Bytes() {
			t.add(fromServer, info.Start+1+int64(from), info.Bytes()-int64(from)-3, false)
		}
	}
}

// unlimited stands for the rest of a stream: half of the circle of sequence numbers.
const unlimited = 1<<31 - 1

// skipped takes the next value of a side. The bytes between two values are none, or what a hole left of one, which may be a
// password: they are blanked.
func (t *target) skipped(side int, s *analysis.Session, start, end int64) {
	if start > t.reported[side] {
		t.add(side, t.reported[side], start-t.reported[side], !holed(s))
	}
	t.reported[side] = max(t.reported[side], end)
}

// holed reports whether bytes of the connection were not captured, or may not have been.
func holed(s *analysis.Session) bool {
	c := s.Conn
	return c == nil || c.Start == reassembly.MidStream || c.Sides[reassembly.A].Lost+c.Sides[reassembly.B].Lost > 0
}

// ended blanks everything behind the last value reported.
func (t *target) ended(s *analysis.Session) {
	t.bases(s.Conn)
	framed := !holed(s)
	t.add(fromClient, t.reported[fromClient], unlimited, framed)
	t.add(fromServer, t.reported[fromServer], unlimited, framed)
}

func (t *target) add(side int, offset, length int64, framed bool) {
	if len(t.spans[side]) >= maxSpans {
		length = unlimited
		if len(t.spans[side]) > maxSpans {
			return
		}
	}
	from := t.base[side] + uint32(offset)
	t.spans[side] = append(t.spans[side], span{from: from, length: uint32(min(length, unlimited)), framed: framed, next: from})
}

// Comment attaches a text to a frame of a file.
func (c *Cutter) Comment(file int32, frame int64, text string) {
	p := place{file, frame}
	if text != "" && len(c.comments[p]) < 16 {
		c.comments[p] = append(c.comments[p], text)
	}
}

// Found returns how many of the wanted connections the first pass saw.
func (c *Cutter) Found() int { return len(c.conns) }

// Saw reports whether the first pass saw a connection, and it is to be cut.
func (c *Cutter) Saw(conn int64) bool { return c.conns[conn] != nil }

// Cut decides about a packet of the second pass. Where keep is true, p belongs to a wanted connection; its data are a
// copy if something in them had to be blanked.
func (c *Cutter) Cut(p capture.Packet) (cut capture.Packet, comment string, keep bool) {
	for _, h := range headers(p.Data) {
		for _, t := range c.byAddr[[2]netip.AddrPort{h.from, h.to}] {
			if p.Time < t.first || p.Time > t.last {
				continue
			}
			side := fromServer
			if h.from == t.client {
				side = fromClient
			}
			if !c.raw {
				p.Data = t.guard(p, h, side)
			}
			return p, strings.Join(c.comments[place{p.File, p.Frame}], "\n"), true
		}
	}
	return p, "", false
}
