package pools

import (
	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/bound"
)

// recentClose is a connection that has just been closed.
type recentClose struct {
	at    capture.Time
	conn  int64
	chain int  // 1 + index
	idle  bool // it had carried no data
	mark  Mark
}

// closeRing is the latest closes of a link.
type closeRing struct {
	latest [4]recentClose
	next   int
}

// add records a close and reports whether one that a new connection may still replace gave way to it.
func (r *closeRing) add(c recentClose) (lost bool) {
	e := &r.latest[r.next%len(r.latest)]
	r.next++
	lost = e.chain > 0 && c.at.Sub(e.at) <= replaceWithin
	*e = c
	return lost
}

// before returns the latest close of a connection of a chain that one opened at a time may replace; its chain is 0 if
// there is none. Whether it does shows when it turns out to be idle too.
func (r *closeRing) before(at capture.Time) (found recentClose) {
	for i := range r.latest {
		e := &r.latest[i]
		if d := at.Sub(e.at); e.chain > 0 && d >= 0 && d <= replaceWithin && e.at >= found.at {
			found = *e
		}
	}
	return found
}

// mark returns the packet that closed the connection.
func (c *Closing) mark() Mark {
	switch {
	case c.ClientFIN.Seen():
		return c.ClientFIN
	case c.ClientRST.Seen():
		return c.ClientRST
	case c.ServerRST.Seen():
		return c.ServerRST
	}
	return c.ServerFIN // after QUIT
}

// recordClose notes a close, so that the connection which replaces this one is known.
func (l *Link) recordClose(f *ConnFacts, at capture.Time) {
	idle := !f.Data && !f.timer.lossy && at.Sub(f.SYN.Time) >= tickSilence
	if l.closes.add(recentClose{at: at, conn: f.conn, chain: f.timer.chain, idle: idle, mark: f.Closing.mark()}) {
		l.registry.limits.closes.Hits++ // its successor may be still to come
	}
}

// chainOf returns 1 + the index of the chain for a connection with its first tick: that of the connection that it
// replaces, or one of its own. It is 0 where no further chain is kept.
func (l *Link) chainOf(f *ConnFacts, at capture.Time) int {
	r, e := l.registry, &f.timer.replaces
	if e.chain > 0 && !f.Data && l.Chains[e.chain-1].Conn == e.conn {
		l.Chains[e.chain-1].join(f, e, r.limits.churns)
		return e.chain
	}
	if !r.limits.chains.Admits(len(l.Chains)) || !r.limits.allChains.Admits(r.kept.chains) {
		return 0
	}
	r.kept.chains++
	l.Chains = append(l.Chains, Chain{Conns: 1, First: at, Data: f.Data, Conn: f.conn})
	return len(l.Chains)
}

// join makes a connection the successor of the one that it replaces. gaps bounds what is kept of the times between.
func (c *Chain) join(f *ConnFacts, e *recentClose, gaps *bound.Bound) {
	c.Conns++
	c.Conn = f.conn
	if !e.idle {
		return
	}
	if c.Churns++; c.Churns == 1 {
		c.ChurnFirst = f.SYN.Time
	} else if gaps.Admits(len(c.ChurnGaps)) {
		c.ChurnGaps = append(c.ChurnGaps, f.SYN.Time.Sub(c.ChurnLast))
	}
	c.ChurnLast, c.Close, c.SYN = f.SYN.Time, e.mark, f.SYN
}
