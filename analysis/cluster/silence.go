package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/reassembly"
)

// waiter is a connection whose oldest command waits.
type waiter struct {
	StallWitness
	until    capture.Time
	commands int
	file     int32
	weakened bool
}

// enoughReplies is how many replies, more than those of a set-up, show that a connection that cannot be read is usually answered at once.
const enoughReplies = 4

// waitingSince describes what a connection waits for, if it was sent after the process's last sign of life.
func waitingSince(s *pairing.Session, last capture.Time) (w waiter, ok bool) {
	if !s.Asks() || s.Unanchored() || s.Pending.Len() == 0 {
		return w, false
	}
	if s.AckSeen[pairing.RoleClient] != reassembly.NoAck && s.AckSeen[pairing.RoleClient] > s.Answers.Offset() && s.Fed[pairing.RoleServer] {
		return w, false // the client has received bytes that the capture has not
	}
	for _, ex := range s.Pending.Rest() {
		if ex.Flags&(pairing.Blocks|pairing.Uncertain|pairing.AfterHole|pairing.NoReplyDue|pairing.Subscribing) != 0 || ex.Command == nil {
			return w, false
		}
	}
	if s.Kind == pairing.TLS && (s.ReplyCount < enoughReplies || s.Usual > victimMin.Seconds()) {
		return w, false // its command may block by intention: nobody can read it
	}
	ex := s.Pending.Front()
	if ex.EndTime.Sub(last) < -overtakenBy || ex.Flags&pairing.NotAwaited != 0 {
		return w, false
	}
	w = waiter{commands: s.Pending.Len(), file: ex.File, weakened: s.SeenHole()}
	w.StallWitness = StallWitness{Conn: s.ID, Client: s.Client, Command: ex.CommandName(), Frame: ex.Frame, Time: ex.EndTime}
	if ex.AckedFrame > 0 {
		w.AckedFrame, w.AckedAfter = ex.AckedFrame, ex.AckedTime.Sub(ex.EndTime)
	}
	return w, true
}

// stalls are those of a run.
type stalls struct {
	all      []*Stall
	shortest time.Duration
	latest   capture.Time // latest packet of any connection that was no repetition
	waiting  []waiter     // scratch of silence
	limit    *bound.Bound
	named    *bound.Bound // connections of one stall
}

// silence judges a time in which a server sent nothing, at the byte that ends it; seg is nil at the end of the capture.
func (d *stalls) silence(n *node, seg *reassembly.Segment) {
	now := d.latest
	if seg != nil {
		now = seg.Time
	}
	n.stall = nil
	if n.paused >= now {
		return
	}
	from := max(n.last, n.paused)
	waiting := append(d.waiting[:0], n.departed...)
	for _, a := range n.asking.rest() {
		if !a.open(n) {
			continue
		}
		if w, ok := waitingSince(a.c.conn, from); ok && w.Time < now {
			w.until = now
			waiting = append(waiting, w)
		}
	}
	d.waiting = waiting
	slices.SortFunc(waiting, func(a, b waiter) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Conn, b.Conn)) })
	waiting = slices.CompactFunc(waiting, func(a, b waiter) bool { return a.Conn == b.Conn && a.Time == b.Time })
	for len(waiting) > 0 {
		until, k := waiting[0].until, 1
		for k < len(waiting) && waiting[k].Time.Sub(until) <= silenceGap {
			until = max(until, waiting[k].until)
			k++
		}
		d.judge(n, waiting[:k], until, seg)
		waiting = waiting[k:]
	}
}

// judge notes a stall, if a silence is one: two connections or more waited, and the kernel was well.
func (d *stalls) judge(n *node, waiting []waiter, until capture.Time, seg *reassembly.Segment) {
	first := &waiting[0]
	st := Stall{
		Server: n.addr, Start: first.Time, End: until, Open: seg == nil || until < seg.Time, Before: n.last, BeforeFrame: n.lastFrame,
		StartFrame: first.Frame, File: first.file, First: first.StallWitness,
	}
	if st.Duration() < d.shortest {
		return
	}
	witnesses := st.witness(waiting)
	if witnesses < 2 || witnesses*2 < st.Connections {
		return
	}
	st.Weakened = st.Weakened || st.Start < n.unsure
	if !st.Open {
		st.EndFrame, st.Burst = seg.Frame, 1
	}
	if !d.limit.Admits(len(d.all)) {
		return
	}
	for i := range waiting {
		if d.named.Admits(len(st.Waiting)) {
			st.Waiting = append(st.Waiting, waiting[i].StallWitness)
		}
	}
	d.all = append(d.all, &st)
	n.stalls = append(n.stalls, &st)
	if !st.Open {
		n.stall = &st
	}
}

// witness counts the connections that waited, and returns how many of them show that the kernel was well.
func (st *Stall) witness(waiting []waiter) (witnesses int) {
	for i := range waiting {
		w := &waiting[i]
		st.Connections++
		st.Commands += w.commands
		st.Weakened = st.Weakened || w.weakened
		st.Longest = max(st.Longest, w.until.Sub(w.Time))
		if w.AckedFrame == 0 || w.AckedAfter > delayedAck {
			continue
		}
		st.Acknowledged++
		if w.AckedAfter <= promptAck {
			st.Prompt++
		}
		if w.until.Sub(w.Time) >= victimMin {
			witnesses++
		}
	}
	return witnesses
}

// answer counts the burst of replies after a stall.
func (n *node) answer(seg *reassembly.Segment) {
	if seg.Time.Sub(n.stall.End) > burstWithin {
		n.stall = nil
		return
	}
	n.stall.Burst++
}
