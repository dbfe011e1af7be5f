package cluster

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
	"github.com/respsniff/respsniff/resp"
)

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
	departed  []waiter     // connections that were closed unanswered since last
	stall     *Stall       // ended last, while its burst of replies is counted
	stalls    []*Stall     // in order of time

	blocked   int          // connections that a command blocks
	unblocked capture.Time // when the last one was blocked no longer
	answers   *answers

	ping, keyed medianSketch // latencies, the first latencySample of each

	slots      *[resp.Slots]capture.Time // when the node last served a slot; nil while nothing shows a cluster
	clustered  bool                      // it sent a redirect by the slot of a key, or answered ASKING or for the slot map
	unfollowed bool                      // it serves slots which are not remembered, for the bound
	given      *ClusterMap               // the latest slot map that it gave
}

// longestPause is how long CLIENT PAUSE is taken to last where its argument was cut off.
const longestPause = time.Minute

// latencySample is how many latencies of each kind show whether a server answers PING by itself.
const latencySample = 4096

// latency takes a reply's latency: PING apart from commands with keys, which a proxy passes on.
func (n *node) latency(ex *pairing.Exchange) {
	m := &n.keyed
	if ex.Verb == pairing.VerbPing {
		m = &n.ping
	} else if !ex.HasKey {
		return
	}
	if m.N < latencySample && ex.Flags&(pairing.Blocks|pairing.Queued|pairing.Uncertain|pairing.AfterHole) == 0 && ex.Outstanding == 0 {
		m.Add(ex.Serves.FirstTime.Sub(ex.EndTime))
	}
}

// pause notes that CLIENT PAUSE silences the process, or that a command which was cut off may do so.
func (n *node) pause(ex *pairing.Exchange, req *resp.Request, certain bool) {
	if certain && len(req.Args) > 2 && req.Args[2].Whole() {
		if ms, err := strconv.ParseUint(string(req.Args[2].Bytes), 10, 63); err == nil {
			n.paused = max(n.paused, ex.EndTime.Add(time.Duration(min(ms, 1<<32))*time.Millisecond))
		}
		return
	}
	if certain || len(req.Args) < 2 || !req.Args[1].Whole() {
		n.unsure = max(n.unsure, ex.EndTime.Add(longestPause))
	}
}

// askQueue lists the connections that have sent a command lately, oldest first.
type askQueue struct {
	items []asked
	head  int
	limit *bound.Bound
}

// asked is a command on a connection, which may be over since and its record been used again.
type asked struct {
	c    *NodeConn
	conn int64
	at   capture.Time
}

func (q *askQueue) push(c *NodeConn, at capture.Time) {
	c.queued = at
	n := len(q.items)
	if n > q.head && q.items[n-1].c == c && q.items[n-1].conn == c.conn.ID {
		q.items[n-1].at = at
		return
	}
	if n >= q.limit.Limit {
		q.makeRoom()
	}
	q.items = append(q.items, asked{c, c.conn.ID, at})
}

// makeRoom keeps the queue within its limit.
func (q *askQueue) makeRoom() {
	if len(q.items)-q.head >= q.limit.Limit {
		if q.items[q.head].waits() {
			q.limit.Hits++
		}
		q.head++
	}
	if q.head >= q.limit.Limit {
		n := copy(q.items, q.items[q.head:])
		q.items, q.head = q.items[:n], 0
	}
}

// rest returns the commands, oldest first.
func (q *askQueue) rest() []asked { return q.items[q.head:] }

// forget drops the commands sent before a time.
func (q *askQueue) forget(before capture.Time) {
	head := q.head
	for head < len(q.items) && q.items[head].at < before {
		head++
	}
	if q.head = head; head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
}

// open reports whether the connection still talks to a node.
func (a *asked) open(n *node) bool { return a.c.conn.ID == a.conn && a.c.node == n }

// waits reports whether the connection waits for a reply, and stands nowhere else in the queue.
func (a *asked) waits() bool {
	return a.c.node != nil && a.c.conn.ID == a.conn && a.c.queued == a.at && a.c.conn.Pending.Len() > 0
}
