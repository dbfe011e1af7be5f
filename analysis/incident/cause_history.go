package incident

import (
	"net/netip"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// causeHistory is what a run remembers so that findings can be tied by cause, and an incident be shown on one connection.
type causeHistory struct {
	waits    []Wait
	outcomes []Outcome
	open     map[int64]bool // connections that were open when the run ended
}

// Wait is a call's wait that ended without a reply.
type Wait struct {
	Conn     int64
	Client   netip.Addr
	Server   netip.AddrPort
	From, To capture.Time
	Index    int   // of the command
	Frame    int64 // of the command; 0: it is not known
	Command  string
}

// Outcome is how one connection lost its place, in short.
type Outcome struct {
	Conn           int64
	Client, Server netip.AddrPort
	File           string
	Abandoned      Wait     // the first command that was given up; of one that was behind already, the first that shows it
	Late           bool     // the reply to that command had come when the next one was written
	Signs          []string // of a connection that was behind before: what else speaks for it
	Before         bool     // the connection was behind when the capture reached it: nothing that it did is the cause
	Next           string   // the command written after it
	NextIndex      int
	Reused         capture.Time
	ReusedFrame    int64
	ReplyTime      capture.Time // of the reply to the abandoned command
	ReplyFrame     int64        // 0: none was seen
	Victims        []pairing.Victim
	Misreads       int // calls that got another call's reply; Victims has the first, and the last
	End            string
	EndTime        capture.Time
	EndFrame       int64
	Open           bool // when the run ended
}

// StallSpan is a time in which a server answered nobody.
type StallSpan struct {
	Start, End           capture.Time
	StartFrame, EndFrame int64
}

// StallBehind finds the stall of a server that covers half or more of a wait.
type StallBehind func(server netip.AddrPort, from, to capture.Time) (StallSpan, bool)

func (find StallBehind) wait(w *Wait) (StallSpan, bool) {
	if find == nil {
		return StallSpan{}, false
	}
	return find(w.Server, w.From, w.To)
}

// WaitEnded takes a wait that ended in vain.
func (g *Register) WaitEnded(w Wait) {
	if h := &g.history; g.bounds.waits.Admits(len(h.waits)) {
		h.waits = append(h.waits, w)
	}
}

// LostPlace takes a connection that lost its place. The outcome is only made if it is kept.
func (g *Register) LostPlace(outcome func() Outcome) {
	if h := &g.history; g.bounds.outcomes.Admits(len(h.outcomes)) {
		h.outcomes = append(h.outcomes, outcome())
	}
}

// waitsInStalls lists the waits that a stall is behind.
func (h *causeHistory) waitsInStalls(find StallBehind) (stalled stalledWaits) {
	add := func(w *Wait) {
		if _, ok := find.wait(w); ok {
			stalled = append(stalled, w)
		}
	}
	for i := range h.outcomes {
		add(&h.outcomes[i].Abandoned)
	}
	for i := range h.waits {
		add(&h.waits[i])
	}
	return stalled
}

// StillOpen takes a connection that was open when the run ended.
func (g *Register) StillOpen(conn int64) {
	h := &g.history
	if h.open == nil {
		h.open = map[int64]bool{}
	}
	if g.bounds.open.Admits(len(h.open)) {
		h.open[conn] = true
	}
}

// isOpen reports whether a connection was. A nil register knows of none.
func (g *Register) isOpen(conn int64) bool { return g != nil && g.history.open[conn] }
