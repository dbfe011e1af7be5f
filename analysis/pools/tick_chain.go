package pools

import "github.com/respsniff/respsniff/capture"

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

// recordClose notes a close, so that the connection which replaces this one is known.
func (l *Link) recordClose(f *ConnFacts, at capture.Time) {
	if f.Quit {
		l.ClosedByQuit++
	}
	f.endTick(at)
	e := &l.closes.latest[l.closes.next%len(l.closes.latest)]
	l.closes.next++
	if e.chain > 0 && at.Sub(e.at) <= replaceWithin {
		l.registry.limits.closes.Hits++ // its successor may be still to come
	}
	*e = recentClose{at: at, conn: f.conn, chain: f.timer.chain, idle: !f.Data && at.Sub(f.SYN.Time) >= tickSilence, mark: f.ClientRST}
	switch {
	case f.ClientFIN.Seen():
		e.mark = f.ClientFIN
	case f.ClientRST.Seen():
	case f.ServerRST.Seen():
		e.mark = f.ServerRST
	default:
		e.mark = f.ServerFIN // after QUIT
	}
}

// mayReplace looks whether a new connection may replace one that has just been closed. Whether it does shows when it
// turns out to be idle too.
func (f *ConnFacts) mayReplace(at capture.Time) {
	if f.link == nil {
		return
	}
	for i := range f.link.closes.latest {
		e := &f.link.closes.latest[i]
		if d := at.Sub(e.at); e.chain > 0 && d >= 0 && d <= replaceWithin && e.at >= f.timer.replaces.at {
			f.timer.replaces = *e
		}
	}
}

// inChain puts a connection with its first tick into the chain of the connection that it replaces, or into one of its
// own. It is false where no further chain is kept.
func (f *ConnFacts) inChain(at capture.Time) bool {
	if f.timer.chain > 0 {
		return true
	}
	l, e := f.link, &f.timer.replaces
	if e.chain > 0 && !f.Data && l.Chains[e.chain-1].Conn == e.conn {
		f.joinChain(e)
		return true
	}
	r := l.registry
	if !r.limits.chains.Admits(len(l.Chains)) || !r.limits.allChains.Admits(r.kept.chains) {
		return false
	}
	r.kept.chains++
	l.Chains = append(l.Chains, Chain{Conns: 1, First: at, Data: f.Data, Conn: f.conn})
	f.timer.chain = len(l.Chains)
	return true
}

// joinChain makes the connection the successor of the one that it replaces.
func (f *ConnFacts) joinChain(e *recentClose) {
	f.timer.chain = e.chain
	c := &f.link.Chains[e.chain-1]
	c.Conns++
	c.Conn = f.conn
	if !e.idle {
		return
	}
	if c.Churns++; c.Churns == 1 {
		c.ChurnFirst = f.SYN.Time
	} else if f.registry.limits.churns.Admits(len(c.ChurnGaps)) {
		c.ChurnGaps = append(c.ChurnGaps, f.SYN.Time.Sub(c.ChurnLast))
	}
	c.ChurnLast, c.Close, c.SYN = f.SYN.Time, e.mark, f.SYN
}
