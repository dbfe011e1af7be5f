package analysis

import (
	"net/netip"
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/reassembly"
	"github.com/respsniff/respsniff/resp"
)

// maxNodes bounds how many servers are followed; connections to further ones take no part in stalls and topology.
const maxNodes = 4096

// node is one server, a process behind one address and port, as all of its connections show it.
type node struct {
	addr     netip.AddrPort
	sessions []*Session // that have sent a command, in no order

	// last is the last sign of life of the process on any connection: a byte of payload, or a close.
	last      capture.Time
	lastFrame int64
	paused    capture.Time // CLIENT PAUSE keeps it silent until then
	departed  []waiter     // connections that went away unanswered since last
	stall     *Stall       // ended last, while its burst of replies is counted
	stalls    []*Stall     // in order of time

	ping, keyed medianSketch // latencies, the first maxLatencies of each

	slots *[resp.Slots]capture.Time // when the node last served a slot; nil while nothing shows a cluster
	given *ClusterMap               // the latest slot map that it gave
}

// topologyState is what a session keeps for stalls and topology.
type topologyState struct {
	node   *node
	index  int          // in node.sessions
	view   *clusterView // of its client; nil while nothing shows a cluster
	tap    *replyTap    // collects the bytes of a slot map that was asked for
	asking int          // command number of the last ASKING
}

// maxLatencies bounds the latencies that a node's sketches take.
const maxLatencies = 4096

// nodeOf finds or makes the node of a session's server; nil beyond the bound.
func (r *Run) nodeOf(addr netip.AddrPort) *node {
	n := r.topology.nodes[addr]
	if n == nil && len(r.topology.nodes) < maxNodes {
		n = &node{addr: addr}
		if r.topology.nodes == nil {
			r.topology.nodes = map[netip.AddrPort]*node{}
		}
		r.topology.nodes[addr] = n
	}
	return n
}

// latency takes a reply's latency: PING apart from commands with keys, which a proxy passes on.
func (n *node) latency(ex *Exchange) {
	m := &n.keyed
	if ex.verb == verbPing {
		m = &n.ping
	} else if !ex.HasKey {
		return
	}
	if m.n < maxLatencies && ex.Flags&(Blocks|Queued|Uncertain|AfterHole) == 0 && ex.Outstanding == 0 {
		m.add(ex.Serves.FirstTime.Sub(ex.EndTime))
	}
}

// PingSplit returns, for a server, how many PINGs and how many commands with keys were answered alone, the latency that
// 95 % of those PINGs stay below, and the one that 95 % of those commands exceed.
func (r *Run) PingSplit(server netip.AddrPort) (pings, keyed int, slowPing, fastKeyed time.Duration) {
	n := r.topology.nodes[server]
	if n == nil {
		return 0, 0, 0, 0
	}
	return int(n.ping.n), int(n.keyed.n), n.ping.quantile(95), n.keyed.quantile(5)
}

// Servers returns the servers of which anything was heard, in order.
func (r *Run) Servers() []netip.AddrPort {
	var all []netip.AddrPort
	for a, n := range r.topology.nodes {
		if n.last > 0 {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, netip.AddrPort.Compare)
	return all
}

// quantile returns the lower bound of the bucket that the given percentage of the values reaches; 0 without values.
func (m *medianSketch) quantile(percent uint32) time.Duration {
	seen := uint32(0)
	for b, c := range m.counts {
		if seen += c; c > 0 && seen*100 >= m.n*percent {
			return bucketFloor(b)
		}
	}
	return 0
}

func bucketFloor(b int) time.Duration {
	if b < 4 {
		return time.Duration(b) * time.Microsecond
	}
	return time.Duration(uint64(4+b%4)<<(b/4-1)) * time.Microsecond
}

// observe looks at a segment before its session does: bytes from the server show that its process runs.
func (r *Run) observe(s *Session, seg *reassembly.Segment) {
	n := s.topo.node
	if n == nil {
		return
	}
	if seg.End != reassembly.NotEnded {
		n.leave(s, seg.Time)
		return
	}
	if seg.From == s.client || seg.Length == 0 && seg.Flags&reassembly.FIN == 0 {
		return
	}
	if seg.Time.Sub(n.last) >= stallMin && n.last > 0 {
		r.silence(n, s, seg)
	} else if n.stall != nil {
		n.answer(seg)
	}
	if len(n.departed) > 0 {
		n.departed = n.departed[:0]
	}
	if seg.Time > n.last {
		n.last, n.lastFrame = seg.Time, seg.Frame
	}
	if s.topo.tap != nil {
		s.topo.tap.feed(seg)
	}
}

// join lists a session, at its first command.
func (n *node) join(s *Session) {
	s.topo.index = len(n.sessions)
	n.sessions = append(n.sessions, s)
}

// leave takes a session off the list; what it waited for is remembered until the process speaks again.
func (n *node) leave(s *Session, at capture.Time) {
	if w, ok := s.waitingSince(max(n.last, n.paused)); ok && len(n.departed) < maxDeparted {
		w.until = at
		n.departed = append(n.departed, w)
	}
	last := len(n.sessions) - 1
	moved := n.sessions[last]
	n.sessions[s.topo.index], moved.topo.index = moved, s.topo.index
	n.sessions[last] = nil
	n.sessions = n.sessions[:last]
	s.topo.node = nil
}
