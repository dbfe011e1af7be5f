package reader

import (
	"slices"
)

// Bounds of what is kept.
const (
	// maxQuiet is how many writes of a connection are kept before it is looked at again whether there still is a doubt.
	maxQuiet = 256
	// maxSlow is how many writes must follow a slow reply without a further doubt before it is one no more.
	maxSlow = 16
	// maxWrites is how many writes of a connection in doubt are kept before it is judged early.
	maxWrites = 1 << 12
	// maxKept is how many commands are kept in all, beside the last one of each connection: about 60 bytes each with their
	// replies, and with the exchange that waits for its verdict 600.
	maxKept = 1 << 17
)

// settleQuiet settles what is kept of a connection on which nothing slow, early or unanswered ever happened: each caller
// read its own reply, and all that is kept of it is counts. Of an open connection the last write stays. It reports whether
// there is no doubt.
func (q *population) settleQuiet(r *Reader, c *Conn) bool {
	if c.judged || len(c.writes) == 0 {
		return true
	}
	if c.start != nil && !c.level || c.blind() {
		return false
	}
	if c.calm() && (c.open() || c.clear == len(c.writes) || c.settleEnd()) {
		return true
	}
	v := newView(c, inf)
	if !q.quiet(v) {
		return false
	}
	q.remember(v)
	q.pace.refresh(&q.levelWaits, &r.buf)
	v.count(&q.level, v.floor)
	turns(v, &q.turns)
	for i := range v.steps {
		if s := &v.steps[i]; s.what == nextWrite && !s.settled {
			q.level.Gaps.Add(max(0, s.next-s.t), 1)
		}
	}
	r.emitQuiet(q, v)
	c.settledUpTo(v)
	return true
}

// quiet reports whether the steps of a connection hold no doubt at all. A doubt that does not pass is noted.
func (q *population) quiet(v *view) bool {
	limit, several, slow := 0.8*q.low, false, -1
	if q.low == 0 {
		limit = inf
	}
	for _, cmd := range v.c.commands {
		if cmd.flags&(Awaited|LeftOut) == Awaited|LeftOut {
			v.c.doubt = true
			return false
		}
	}
	p, sizes := q.paceOf(v), q.sizes
	for i := range v.steps {
		s := &v.steps[i]
		switch {
		case s.n == 0 || s.blocking:
			continue
		case s.uncertain || s.lost || s.nextLoss || s.guessed || v.vague[s.own] || v.vague[s.own+s.n-1]:
			v.c.doubt = true
			return false
		case !s.have:
			if s.what != nextNothing {
				q.noteGiveUp(s.next - s.t)
				v.c.doubt = true
				return false
			}
		case s.wait > limit:
			v.c.doubt = true
			return false
		case s.wait > p.slow:
			slow = i
		}
		if slow < 0 {
			sizes.add(s.n)
		}
		several = several || slow >= 0 && s.n > 1 && !s.setup
	}
	if slow >= 0 && several && (sizes.all < leastWaits || sizes.usuallyOne()) {
		// Where nobody was seen to give up, only a reader that holds commands back can hide it.
		v.c.doubt = sizes.all >= leastWaits
		return false
	}
	if slow < 0 || !v.c.open() || len(v.steps)-slow > maxSlow {
		return true
	}
	v.c.again = len(v.c.writes) + maxSlow - (len(v.steps) - slow) + 1
	return false
}

// paceOf is the usual time to a reply as known so far.
func (q *population) paceOf(v *view) pace {
	if q.pace.usual > 0 {
		return q.pace
	}
	var x []float64
	for i := range v.steps {
		if s := &v.steps[i]; s.n > 0 && s.have {
			x = append(x, s.wait)
		}
	}
	x = append(x, q.levelWaits.x...)
	var p pace
	if len(x) > 0 {
		slices.Sort(x)
		p.set(x[len(x)/2])
	}
	return p
}

// remember adds a connection's waits to what the population knows of the time to a reply.
func (q *population) remember(v *view) {
	sure := true
	for i := range v.steps {
		s := &v.steps[i]
		if s.n == 0 || s.blocking || s.settled || s.crossed > 0 {
			continue
		}
		if sure = sure && s.have; sure {
			q.levelWaits.add(s.wait)
			if !s.setup {
				q.sizes.add(s.n)
			}
		}
		if s.wait < inf {
			q.allWaits.add(s.wait)
		}
	}
}

// emitQuiet says of each caller that it read its own reply.
func (r *Reader) emitQuiet(q *population, v *view) {
	p := q.paceOf(v)
	c := v.c
	var out []Row
	upTo, word := int32(0), Unknown
	tell := func() {
		if word != Unknown {
			c.tell(upTo, word)
		}
	}
	for i := range v.steps {
		s := &v.steps[i]
		for k := s.index - 1 - c.base; s.n > 0 && k >= 0 && int(k) < len(v.own) && v.own[k] < s.own+s.n; k++ {
			if v.own[k] < 0 {
				continue
			}
			index := c.base + k + 1
			if index <= c.told {
				continue
			}
			if !s.have {
				out = append(out, Row{Index: index})
				continue
			}
			w := settledAs(c, &p, s.wait)
			if s.blocking {
				w = settledAs(c, &p, 0)
			}
			if w != word {
				tell()
				word = w
			}
			upTo = index
		}
	}
	tell()
	last := c.base + int32(v.covered())
	if len(out) > 0 {
		r.judged(&Verdict{Conn: c, Rows: out, Last: last, Quiet: true})
	}
	c.told = max(c.told, last)
}

// over tells that nothing more comes of a connection that has settled, and forgets it.
func (r *Reader) over(c *Conn) {
	if c.over {
		return
	}
	c.over, c.judged = true, true
	c.drop(r)
	if c.pop != nil {
		c.pop.remove(c)
		r.reg.idle.set(c.pop)
	}
	r.judged(&Verdict{Conn: c, Last: c.latest, Ended: true, Quiet: true})
}

// drop forgets the records of a connection; what follows them begins anew.
func (c *Conn) drop(r *Reader) {
	for i := range c.replies {
		c.seen = max(c.seen, c.replies[i].end)
	}
	c.keepLast(0)
	c.replies, c.writes = c.replies[:0], c.writes[:0]
	c.ackedTo, c.clear, c.done = 0, 0, 0
}
