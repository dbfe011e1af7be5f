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
	addr netip.AddrPort

	// last is the last sign of life of the process on any connection: a byte of payload, or a close.
	last      capture.Time
	lastFrame int64
	paused    capture.Time // CLIENT PAUSE keeps it silent until then
	unsure    capture.Time // a command that was cut off may do so until then
	lossy     bool         // bytes of its connections were lost
	asking    askQueue     // commands since last, or hardly before
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

// observe looks at a segment that is not plain before its session does: what servers send shows that their processes run.
func (r *Run) observe(s *Session, seg *reassembly.Segment) {
	if seg.End == reassembly.NotEnded && (seg.Length > 0 || seg.Repeated == 0) {
		r.topology.news = max(r.topology.news, seg.Time)
	}
	n := s.topo.node
	if n == nil && seg.Missing > 0 && s.roleKnown {
		n = r.nodeOf(s.Server) // its first command may be what was lost
		if n != nil {
			n.lossy = true
		}
		return
	}
	if n == nil {
		return
	}
	if seg.Missing > 0 || seg.From == s.client && seg.Flags&reassembly.RST != 0 && s.facts.ResetUnseen() {
		n.lossy = true
	}
	if seg.End != reassembly.NotEnded {
		n.leave(s, min(seg.Time, r.topology.news))
		return
	}
	if seg.From == s.client && seg.Length > len(seg.Payload) {
		n.unsure = max(n.unsure, seg.Time.Add(longestPause)) // it may hold CLIENT PAUSE
	}
	if seg.From != s.client && (seg.Length > 0 || seg.Flags&reassembly.FIN != 0) {
		r.alive(s, n, seg)
	}
}

// alive takes a segment by which a server's process shows that it runs.
func (r *Run) alive(s *Session, n *node, seg *reassembly.Segment) {
	if seg.Time.Sub(n.last) >= r.knobs.stallMin && n.last > 0 {
		r.silence(n, seg)
	} else if n.stall != nil {
		n.answer(seg)
	}
	if len(n.departed) > 0 {
		n.departed = n.departed[:0]
	}
	if seg.Time > n.last {
		n.last, n.lastFrame = seg.Time, seg.Frame
		n.asking.forget(n.last.Add(-overtakenBy))
	}
	if s.topo.tap != nil {
		s.topo.tap.feed(seg)
	}
}

// pause notes that CLIENT PAUSE silences the process, or that a command which was cut off may do so.
func (n *node) pause(ex *Exchange, req *resp.Request, certain bool) {
	if certain && len(req.Args) > 2 && req.Args[2].Whole() {
		if ms, ok := decimal(req.Args[2].Bytes); ok {
			n.paused = max(n.paused, ex.EndTime.Add(time.Duration(min(ms, 1<<32))*time.Millisecond))
		}
		return
	}
	if certain || len(req.Args) < 2 || !req.Args[1].Whole() {
		n.unsure = max(n.unsure, ex.EndTime.Add(longestPause))
	}
}

// leave takes a session off the node; what it waited for is remembered until the process gives a sign of life.
func (n *node) leave(s *Session, at capture.Time) {
	if w, ok := s.waitingSince(max(n.last, n.paused)); ok && len(n.departed) < maxDeparted {
		w.until = at
		n.departed = append(n.departed, w)
	}
	if acked := s.ackSeen[roleClient]; acked != reassembly.NoAck && acked > s.answers.Offset()+1 && s.fed[roleServer] {
		n.lossy = true // the client received bytes that the capture has not; one more may be the server's FIN
	}
	s.topo.node = nil
}

// Lossy reports whether bytes of any connection to a server were sent and not captured, as far as that was noticed.
func (r *Run) Lossy(server netip.AddrPort) bool {
	n := r.topology.nodes[server]
	return r.o.Drops > 0 || n != nil && n.lossy
}

// maxAsking bounds the commands that one node is remembered to have got since its last sign of life.
const maxAsking = 1024

// askQueue lists the sessions that have sent a command lately, oldest first.
type askQueue struct {
	items []asked
	head  int
}

// asked is a command by a session, which may have ended since and its record been used again.
type asked struct {
	s    *Session
	conn int64
	at   capture.Time
}

func (q *askQueue) push(s *Session, at capture.Time) {
	if n := len(q.items); n > q.head && q.items[n-1].s == s && q.items[n-1].conn == s.ID {
		q.items[n-1].at = at
		return
	}
	if len(q.items)-q.head >= maxAsking {
		q.head++
	}
	if q.head >= maxAsking {
		n := copy(q.items, q.items[q.head:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, asked{s, s.ID, at})
}

// forget drops the commands sent before a time.
func (q *askQueue) forget(before capture.Time) {
	for q.head < len(q.items) && q.items[q.head].at < before {
		q.head++
	}
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}
