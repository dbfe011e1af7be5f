package analysis

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// tickSilence is how long a connection must have been silent before a PING or QUIT counts as a timer's, and how long
// nothing but such commands may follow.
const tickSilence = time.Second

// replaceWithin is how soon after a close a SYN replaces the closed connection.
const replaceWithin = 5 * time.Millisecond

// TickKind says what a pool's timer did.
type TickKind uint8

// What a pool's timer does.
const (
	TickOpen TickKind = iota // opened a connection, on which nothing else happened
	TickPing
	TickQuit
)

// Tick is one work of a pool's timer: a PING or QUIT after a silence of at least one second that no command follows
// within a second, or a connection opened without being used.
type Tick struct {
	Time  capture.Time
	Frame int64
	Conn  int64
	Chain int // index in Link.Chains
	Kind  TickKind
}

// Chain is a sequence of connections of which each was opened within 5 ms of the close of the one before.
type Chain struct {
	Conns       int
	Ticks       int
	Data        bool // some connection of it carried data
	Open        bool // still open when the capture ended
	First, Last capture.Time
	Churns      int // times that a connection without data was replaced
	ChurnFirst  capture.Time
	ChurnLast   capture.Time
	ChurnGaps   []time.Duration // between replacements, the first maxChurns
	Close, SYN  Mark            // packets of the latest replacement
	Conn        int64           // the latest connection
}

// pendingTick is a tick that the next command may disprove.
type pendingTick struct {
	at    capture.Time
	frame int64
	kind  TickKind
}

// recentClose is a connection that has just been closed.
type recentClose struct {
	at    capture.Time
	conn  int64
	chain int  // 1 + index
	idle  bool // it had carried no data
	mark  Mark
}

// useUnseen takes a write of which the capture lacks a part: it may have been data.
func (f *ConnFacts) useUnseen() {
	f.Data = true
	if f.chain > 0 {
		f.link.Chains[f.chain-1].Data = true
	}
}

// command looks whether a command is a pool timer's.
func (f *ConnFacts) command(s *Paired, ex *Exchange) {
	if f.link == nil {
		f.join(s)
	}
	probe := ex.verb == verbPing || ex.verb == verbQuit
	if ex.verb == verbQuit {
		f.Quit = true
	}
	switch {
	case probe:
	case ex.Flags&InHandshake != 0:
		return
	default:
		if f.tick.at != 0 && ex.Time.Sub(f.tick.at) < tickSilence {
			f.tick.at = 0 // somebody tested the connection before using it
		}
		f.Data = f.Data || ex.CommandName() != "INFO"
		if f.Data && f.chain > 0 {
			f.link.Chains[f.chain-1].Data = true
		}
	}
	if f.tick.at != 0 && ex.Time.Sub(f.tick.at) >= tickSilence {
		f.confirm(s)
	}
	silent := f.lastData != 0 && (ex.Time.Sub(f.lastData) >= tickSilence || ex.Time == f.woken)
	if probe && silent && s.Kind == RESP {
		f.tick = pendingTick{ex.Time, ex.Frame, TickPing}
		if ex.verb == verbQuit {
			f.tick.kind = TickQuit
			f.confirm(s)
		}
	}
}

// confirm records the pending tick.
func (f *ConnFacts) confirm(s *Paired) {
	t := f.tick
	f.tick.at = 0
	f.record(s.ID, t)
}

func (f *ConnFacts) record(conn int64, t pendingTick) {
	l := f.link
	if l == nil {
		return
	}
	if f.chain == 0 {
		f.enlist(conn, t.at)
	}
	if f.chain == 0 {
		return
	}
	c := &l.Chains[f.chain-1]
	c.Ticks++
	c.Last = max(c.Last, t.at)
	if len(l.Ticks) >= maxTicks || l.run.linked.ticks >= maxAllTicks {
		l.run.capped++
		return
	}
	l.run.linked.ticks++
	l.Ticks = append(l.Ticks, Tick{t.at, t.frame, conn, f.chain - 1, t.kind})
	if f.lastTick != 0 {
		l.intervals = append(l.intervals, t.at.Sub(f.lastTick))
	}
	f.lastTick = t.at
}

// endTick decides the pending tick at the end of the connection.
func (f *ConnFacts) endTick(at capture.Time) {
	if t := f.tick; t.at != 0 && f.established && (t.kind != TickOpen || at.Sub(t.at) >= tickSilence) {
		f.record(f.conn, t)
	}
	f.tick.at = 0
}

// remember notes a close, so that the connection which replaces this one is known.
func (l *Link) remember(f *ConnFacts, at capture.Time) {
	if f.Quit {
		l.Goodbyes++
	}
	e := &l.closes[l.nextClose%len(l.closes)]
	l.nextClose++
	f.endTick(at)
	*e = recentClose{at: at, conn: f.conn, chain: f.chain, idle: !f.Data && at.Sub(f.SYN.Time) >= tickSilence, mark: f.ClientRST}
	switch {
	case f.ClientFIN.Seen():
		e.mark = f.ClientFIN
	case f.ClientRST.Seen():
	case f.ServerRST.Seen():
		e.mark = f.ServerRST
	default:
		e.mark = f.ServerFIN // after QUIT
	}
}

// continues looks whether a new connection may replace one that has just been closed. Whether it does shows when it
// turns out to be idle too.
func (f *ConnFacts) continues(at capture.Time) {
	if f.link == nil {
		return
	}
	for i := range f.link.closes {
		e := &f.link.closes[i]
		if d := at.Sub(e.at); e.chain > 0 && d >= 0 && d <= replaceWithin && e.at >= f.replaces.at {
			f.replaces = *e
		}
	}
}

// enlist puts a connection with its first tick into the chain of the connection that it replaces, or into one of its
// own.
func (f *ConnFacts) enlist(conn int64, at capture.Time) {
	l, e := f.link, &f.replaces
	if e.chain == 0 || f.Data || l.Chains[e.chain-1].Conn != e.conn {
		if len(l.Chains) >= maxChains || l.run.linked.chains >= maxAllChains {
			l.run.capped++
			return
		}
		l.run.linked.chains++
		l.Chains = append(l.Chains, Chain{Conns: 1, First: at, Data: f.Data, Conn: conn})
		f.chain = len(l.Chains)
		return
	}
	f.chain = e.chain
	c := &l.Chains[f.chain-1]
	c.Conns++
	c.Conn = conn
	if !e.idle {
		return
	}
	if c.Churns++; c.Churns == 1 {
		c.ChurnFirst = f.SYN.Time
	} else if len(c.ChurnGaps) < maxChurns {
		c.ChurnGaps = append(c.ChurnGaps, f.SYN.Time.Sub(c.ChurnLast))
	}
	c.ChurnLast, c.Close, c.SYN = f.SYN.Time, e.mark, f.SYN
}
