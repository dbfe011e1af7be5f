package cluster

import (
	"time"

	"github.com/respsniff/respsniff/analysis/pairing"
	"github.com/respsniff/respsniff/capture"
)

// Meanwhile is what a server did for others while one connection was blocked.
type Meanwhile struct {
	Replies     int // that others got, the latest of them
	Connections int // which got them
	Slowest     time.Duration
	Frame       int64 // of the slowest
}

// answers are the latest replies of a server while any of its connections is blocked.
type answers struct {
	latest [64]answer // used again from the start
	next   int
}

// answer is a reply to a command that waited for no other one.
type answer struct {
	conn, frame int64
	sent, at    capture.Time
	took        time.Duration
}

// blocking takes a command that blocks its connection, when it is sent.
func (c *NodeConn) blocking() {
	if c.blocked == 0 {
		c.node.blocked++
	}
	c.blocked++
	if c.node.answers == nil {
		c.node.answers = &answers{}
	}
}

// unblocked takes that so many of them are over.
func (c *NodeConn) unblocked(n int, at capture.Time) {
	if c.blocked -= n; c.blocked == 0 {
		c.node.blocked--
		c.node.unblocked = at
	}
}

// other takes a reply to a command that was sent while some connection was blocked.
func (n *node) other(ex *pairing.Exchange) {
	const doubtful = pairing.Blocks | pairing.Queued | pairing.Uncertain | pairing.AfterHole
	a := n.answers
	if a == nil || ex.Flags&doubtful != 0 || ex.Outstanding > 0 {
		return
	}
	a.latest[a.next%len(a.latest)] = answer{ex.Session.ID, ex.Serves.Frame, ex.EndTime, ex.Serves.Time, ex.Serves.FirstTime.Sub(ex.EndTime)}
	a.next++
}

// Meanwhile returns what the server of a blocked connection answered others from a time on, as far as they asked until another.
func (c *NodeConn) Meanwhile(from, until capture.Time) (m Meanwhile) {
	if c.node == nil || c.node.answers == nil {
		return m
	}
	conns := map[int64]bool{}
	for _, a := range c.node.answers.latest {
		if a.at <= from || a.sent > until || a.conn == c.conn.ID {
			continue
		}
		m.Replies++
		conns[a.conn] = true
		if a.took >= m.Slowest {
			m.Slowest, m.Frame = a.took, a.frame
		}
	}
	m.Connections = len(conns)
	return m
}
