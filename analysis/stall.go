package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
)

// What makes the silence of a server a stall of its process.
const (
	// stallMin is the shortest one.
	stallMin = 100 * time.Millisecond
	// promptAck is how soon a kernel acknowledges that does not delay it.
	promptAck = 5 * time.Millisecond
	// delayedAck is how late a kernel that is well may acknowledge: Linux delays an acknowledgement without data by
	// 40 ms (TCP_DELACK_MIN), and every connection but a young one is in that state.
	delayedAck = 60 * time.Millisecond
	// victimMin is the shortest wait that makes a connection a witness of a stall.
	victimMin = 10 * time.Millisecond
	// overtakenBy is how much older than the process's last sign of life a waiting command may be. A process that
	// went on answering others after it is not still: that command waits for something else.
	overtakenBy = 5 * time.Millisecond
	// burstWithin is how soon after the end of a stall its waiting connections are answered.
	burstWithin = 10 * time.Millisecond
	// longestPause is how long CLIENT PAUSE is taken to last where its argument was cut off.
	longestPause = time.Minute
	// silenceGap parts two silences: nobody waited for longer than this in between.
	silenceGap = 20 * time.Millisecond
)

// Bounds of what is kept of stalls.
const (
	maxStalls     = 4096 // in a run; further ones are counted
	maxDeparted   = 1024 // connections of one server that went away during one silence
	maxStallConns = 256  // connections named in one stall
)

// Stall is a time in which a server's process answered nobody although its kernel acknowledged what came in.
type Stall struct {
	Server netip.AddrPort
	// Start is when the first command was sent that had to wait: the process stood still then or at most since
	// Before, the last byte that it had sent.
	Start, Before capture.Time
	// End is the first byte that the process sent afterwards; with Open, the last moment at which somebody is known to
	// have waited in vain.
	End                               capture.Time
	Open                              bool
	StartFrame, BeforeFrame, EndFrame int64 // EndFrame 0 with Open
	File                              int32 // of StartFrame
	Connections                       int   // that waited
	Acknowledged                      int   // of these, with a command that the kernel had acknowledged
	Prompt                            int   // of these, within 5 ms
	Commands                          int
	Burst                             int // segments with replies within 10 ms after End
	First                             StallWitness
	Waiting                           []StallWitness // one a connection, the first to wait first, at most 256
	// Longest is the wait of the witness that waited longest.
	Longest  time.Duration
	Weakened bool // bytes were lost on a connection that waited
}

// Duration returns how long the process certainly stood still.
func (st *Stall) Duration() time.Duration { return st.End.Sub(st.Start) }

// StallWitness is a connection that waited during a stall.
type StallWitness struct {
	Conn       int64
	Client     netip.AddrPort
	Command    string // name only
	Frame      int64
	Time       capture.Time // end of the command
	AckedFrame int64        // 0: no acknowledgement was seen
	AckedAfter time.Duration
}

// waiter is a connection whose oldest command waits.
type waiter struct {
	StallWitness
	until    capture.Time
	commands int
	file     int32
	weakened bool
}

// waitingSince describes what the session waits for, if it was sent after the process's last sign of life.
func (s *Session) waitingSince(last capture.Time) (w waiter, ok bool) {
	if s.Kind != RESP || s.doubtful || s.pending.len() == 0 {
		return w, false
	}
	if s.ackSeen[roleClient] != reassembly.NoAck && s.ackSeen[roleClient] > s.answers.Offset() && s.fed[roleServer] {
		return w, false // the client has received bytes that the capture has not
	}
	for _, ex := range s.pending.rest() {
		if ex.Flags&(Blocks|Uncertain|AfterHole|NoReplyDue|Subscribing) != 0 || ex.Command == nil {
			return w, false
		}
	}
	ex := s.pending.front()
	if ex.EndTime.Sub(last) < -overtakenBy || ex.Flags&NotAwaited != 0 {
		return w, false
	}
	w = waiter{commands: s.pending.len(), file: ex.File, weakened: s.seenHole()}
	w.StallWitness = StallWitness{Conn: s.ID, Client: s.Client, Command: ex.CommandName(), Frame: ex.Frame, Time: ex.EndTime}
	if ex.AckedFrame > 0 {
		w.AckedFrame, w.AckedAfter = ex.AckedFrame, ex.AckedTime.Sub(ex.EndTime)
	}
	return w, true
}

// silence judges a time in which a server sent nothing, at the byte that ends it; seg is nil at the end of the capture.
func (r *Run) silence(n *node, seg *reassembly.Segment) {
	now := r.topology.news
	if seg != nil {
		now = seg.Time
	}
	n.stall = nil
	if n.paused >= now {
		return
	}
	from := max(n.last, n.paused)
	waiting := append(r.waiters[:0], n.departed...)
	for _, a := range n.asking.items[n.asking.head:] {
		if a.s.ID != a.conn || a.s.topo.node != n {
			continue
		}
		if w, ok := a.s.waitingSince(from); ok && w.Time < now {
			w.until = now
			waiting = append(waiting, w)
		}
	}
	r.waiters = waiting
	slices.SortFunc(waiting, func(a, b waiter) int { return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Conn, b.Conn)) })
	waiting = slices.CompactFunc(waiting, func(a, b waiter) bool { return a.Conn == b.Conn && a.Time == b.Time })
	for len(waiting) > 0 {
		until, k := waiting[0].until, 1
		for k < len(waiting) && waiting[k].Time.Sub(until) <= silenceGap {
			until = max(until, waiting[k].until)
			k++
		}
		r.stalled(n, waiting[:k], until, seg)
		waiting = waiting[k:]
	}
}

// stalled notes a stall, if a silence is one: two connections or more waited, and the kernel was well.
func (r *Run) stalled(n *node, waiting []waiter, until capture.Time, seg *reassembly.Segment) {
	first := &waiting[0]
	st := Stall{
		Server: n.addr, Start: first.Time, End: until, Open: seg == nil || until < seg.Time, Before: n.last, BeforeFrame: n.lastFrame,
		StartFrame: first.Frame, File: first.file, First: first.StallWitness,
	}
	if st.Duration() < r.knobs.stallMin {
		return
	}
	witnesses := 0
	for i := range waiting {
		w := &waiting[i]
		st.Connections++
		st.Commands += w.commands
		st.Weakened = st.Weakened || w.weakened
		st.Longest = max(st.Longest, w.until.Sub(w.Time))
		if len(st.Waiting) < maxStallConns {
			st.Waiting = append(st.Waiting, w.StallWitness)
		}
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
	if witnesses < 2 || witnesses*2 < st.Connections {
		return
	}
	st.Weakened = st.Weakened || st.Start < n.unsure
	if !st.Open {
		st.EndFrame, st.Burst = seg.Frame, 1
	}
	if len(r.stalls) >= maxStalls {
		r.capped++
		return
	}
	r.stalls = append(r.stalls, &st)
	n.stalls = append(n.stalls, &st)
	if !st.Open {
		n.stall = &st
	}
}

// answer counts the burst of replies after a stall.
func (n *node) answer(seg *reassembly.Segment) {
	if seg.Time.Sub(n.stall.End) > burstWithin {
		n.stall = nil
		return
	}
	n.stall.Burst++
}

// stillSilent looks for stalls that the end of the capture cut off.
func (r *Run) stillSilent() {
	for _, n := range r.topology.nodes {
		r.silence(n, nil)
	}
	slices.SortStableFunc(r.stalls, func(a, b *Stall) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.Server.Compare(b.Server))
	})
}

// Stalls returns the stalls of all servers, in order of time once the run is over. They are not to be changed.
func (r *Run) Stalls() []*Stall { return r.stalls }

// StallOverlap returns the stall of a server that covers most of the time between from and to, and how much of it all of
// the server's stalls cover; nil without one.
func (r *Run) StallOverlap(server netip.AddrPort, from, to capture.Time) (longest *Stall, covered time.Duration) {
	n := r.topology.nodes[server]
	if n == nil {
		return nil, 0
	}
	i, _ := slices.BinarySearchFunc(n.stalls, from, func(st *Stall, from capture.Time) int { return cmp.Compare(st.End, from) })
	var best time.Duration
	for ; i < len(n.stalls) && n.stalls[i].Start < to; i++ {
		st := n.stalls[i]
		d := min(to, st.End).Sub(max(from, st.Start))
		covered += max(d, 0)
		if d > best {
			best, longest = d, st
		}
	}
	return longest, covered
}

// StallBehind returns the stall that a wait without a reply is owed to: the server's stalls cover at least half of it.
// A stall that only touches a wait is not its cause.
func (r *Run) StallBehind(server netip.AddrPort, from, to capture.Time) *Stall {
	st, covered := r.StallOverlap(server, from, to)
	if covered <= 0 || covered*2 < to.Sub(from) {
		return nil
	}
	return st
}

// WaitSpan is a wait without a reply.
type WaitSpan struct {
	Server   netip.AddrPort
	From, To capture.Time
}
