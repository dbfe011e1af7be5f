package pools

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
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
	ChurnGaps   []time.Duration // between the first replacements
	Close, SYN  Mark            // packets of the latest replacement
	Conn        int64           // the latest connection
}

// timerState is what a connection shows of the timer of its pool.
type timerState struct {
	pending  pendingTick
	lastTick capture.Time
	chain    int         // 1 + index in Link.Chains; 0: none
	lossy    bool        // bytes of it were lost: they may have been commands
	replaces recentClose // the connection that this one may replace
	idle     bool        // commands that are no timer's change nothing: data was carried, and no tick is pending
}

// pendingTick is a tick that the next command may disprove.
type pendingTick struct {
	at    capture.Time // 0: none
	frame int64
	kind  TickKind
}

// carriedData notes that the connection carried data.
func (f *ConnFacts) carriedData() {
	f.Data = true
	if f.timer.chain > 0 {
		f.link.Chains[f.timer.chain-1].Data = true
	}
}

// Command takes a command of the connection, before See takes its segment.
func (f *ConnFacts) Command(s *pairing.Session, ex *pairing.Exchange) {
	if ex.Verb != pairing.OtherVerb || !f.timer.idle {
		f.command(s, ex)
	}
}

func (f *ConnFacts) command(s *pairing.Session, ex *pairing.Exchange) {
	f.join(s)
	f.judge(s, ex)
	f.timer.idle = f.Data && f.timer.pending.at == 0
}

// judge looks whether a command is a pool timer's, and what it says of the one before it.
func (f *ConnFacts) judge(s *pairing.Session, ex *pairing.Exchange) {
	probe := ex.Verb == pairing.VerbPing || ex.Verb == pairing.VerbQuit
	if ex.Verb == pairing.VerbQuit {
		f.Quit = true
	}
	t := &f.timer.pending
	switch {
	case probe:
	case ex.Flags&pairing.InHandshake != 0:
		return
	default:
		if t.at != 0 && ex.Time.Sub(t.at) < tickSilence {
			t.at = 0 // somebody tested the connection before using it
		}
		if f.Data || ex.Command == nil || ex.Command.Name != "INFO" {
			f.carriedData()
		}
	}
	if t.at != 0 && ex.Time.Sub(t.at) >= tickSilence {
		f.confirm()
	}
	silent := f.payloadAt != 0 && (ex.Time.Sub(f.payloadAt) >= tickSilence || ex.Time == f.wokenAt)
	if probe && silent && s.Kind == pairing.RESP {
		*t = pendingTick{ex.Time, ex.Frame, TickPing}
		if ex.Verb == pairing.VerbQuit {
			t.kind = TickQuit
			f.confirm()
		}
	}
}

// confirm records the pending tick.
func (f *ConnFacts) confirm() {
	t := f.timer.pending
	f.timer.pending.at = 0
	f.record(t)
}

func (f *ConnFacts) record(t pendingTick) {
	l := f.link
	if l == nil {
		return
	}
	if f.timer.chain == 0 {
		if f.timer.chain = l.chainOf(f, t.at); f.timer.chain == 0 {
			return
		}
	}
	c := &l.Chains[f.timer.chain-1]
	c.Ticks++
	c.Last = max(c.Last, t.at)
	r := l.registry
	if !r.limits.ticks.Admits(len(l.Ticks)) || !r.limits.allTicks.Admits(r.kept.ticks) {
		return
	}
	r.kept.ticks++
	l.Ticks = append(l.Ticks, Tick{t.at, t.frame, f.conn, f.timer.chain - 1, t.kind})
	if f.timer.lastTick != 0 {
		l.intervals = append(l.intervals, t.at.Sub(f.timer.lastTick))
	}
	f.timer.lastTick = t.at
}

// endTick decides the pending tick at the end of the connection.
func (f *ConnFacts) endTick(at capture.Time) {
	if t := f.timer.pending; t.at != 0 && f.state != notOpen && (t.kind != TickOpen || at.Sub(t.at) >= tickSilence) {
		f.record(t)
	}
	f.timer.pending.at = 0
}
