package analysis

import (
	"net/netip"

	"github.com/respsniff/respsniff/capture"
)

// causeHistory is what a run remembers so that findings can be tied by cause, and an incident be shown on one connection.
type causeHistory struct {
	waits    []Wait
	outcomes []Outcome
}

// Wait is a caller's wait that ended without a reply.
type Wait struct {
	Conn     int64
	Client   netip.Addr
	Server   netip.AddrPort
	From, To capture.Time
	Frame    int64 // of the command
	Command  string
}

// Outcome is how one connection lost its place, in short.
type Outcome struct {
	Conn           int64
	Client, Server netip.AddrPort
	Rule           string // that reports its first abandoned command
	Late           bool   // the reply to that command had come when the next one was written
	Abandoned      Wait
	Next           string // the command written after it
	Reused         capture.Time
	ReusedFrame    int64
	Misread        string // the first caller that got another command's reply, in words; empty: none did
	MisreadTime    capture.Time
	MisreadFrame   int64
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
