package cluster

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
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
	// went on answering others after it is not stalled: that command waits for something else.
	overtakenBy = 5 * time.Millisecond
	// burstWithin is how soon after the end of a stall its waiting connections are answered.
	burstWithin = 10 * time.Millisecond
	// silenceGap parts two silences: nobody waited for longer than this in between.
	silenceGap = 20 * time.Millisecond
)

// Stall is a time in which a server's process answered nobody although its kernel acknowledged what came in.
type Stall struct {
	Server netip.AddrPort
	// Start is when the first command was sent that had to wait: the process was stalled then or at most since
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

// Duration returns how long the process was certainly stalled.
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

// Finish looks for stalls that the end of the capture cut off, and puts all in order of time.
func (t *Topology) Finish() {
	nodes := slices.SortedFunc(maps.Values(t.nodes), func(a, b *node) int { return a.addr.Compare(b.addr) })
	for _, n := range nodes {
		t.stalls.silence(n, nil)
	}
	slices.SortStableFunc(t.stalls.all, func(a, b *Stall) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), a.Server.Compare(b.Server))
	})
}

// Inherit takes over the stalls that an earlier run knew of, of its own and of those before it, which it returns: they are
// causes, and Stalls does not return them again.
func (t *Topology) Inherit(before *Topology, earlier []*Stall) []*Stall {
	all := slices.Concat(earlier, before.stalls.all)
	all = all[max(0, len(all)-t.limits.stalls.Limit):]
	for _, st := range all {
		if n := t.nodeOf(st.Server); n != nil {
			n.stalls = append(n.stalls, st)
		}
	}
	return all
}

// Stalls returns the stalls of all servers, in order of time once the run is over. They are not to be changed.
func (t *Topology) Stalls() []*Stall { return t.stalls.all }

// StallOverlap returns the stall of a server that covers most of the time between from and to, and how much of it all of
// the server's stalls cover; nil without one.
func (t *Topology) StallOverlap(server netip.AddrPort, from, to capture.Time) (longest *Stall, covered time.Duration) {
	n := t.nodes[server]
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
func (t *Topology) StallBehind(server netip.AddrPort, from, to capture.Time) *Stall {
	st, covered := t.StallOverlap(server, from, to)
	if covered <= 0 || covered*2 < to.Sub(from) {
		return nil
	}
	return st
}
