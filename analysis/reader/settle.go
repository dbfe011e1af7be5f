package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/inference"
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
	if c.start != nil && !c.level || c.blind() || c.extra {
		c.doubt = c.doubt || c.extra
		return false
	}
	if c.calm() && (c.open() || c.clear == len(c.writes) || c.settleEnd()) {
		return true
	}
	v := r.scratch.of(c, inf) // a third of the time where many replies are slow, if each is made anew
	if !q.quiet(v) {
		return false
	}
	q.remember(v)
	q.pace.refresh(&q.levelWaits, &r.buf)
	v.Count(&q.level)
	turns(v, &q.turns)
	for i := range v.Steps {
		if s := &v.Steps[i]; s.What == inference.NextWrite && !s.Settled {
			q.level.AddGap(max(0, s.Next-s.Last))
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
	for i := range v.Steps {
		s := &v.Steps[i]
		switch {
		case s.N == 0 || s.Blocking:
			continue
		case s.Uncertain || s.Lost || s.NextLoss || s.Guessed || v.Vague[s.Own] || v.Vague[s.Own+s.N-1]:
			v.c.doubt = true
			return false
		case !s.Have:
			if s.What != inference.NextNothing {
				q.noteGiveUp(s.Next - s.Last)
				v.c.doubt = true
				return false
			}
		case s.Wait > limit:
			v.c.doubt = true
			return false
		case s.Wait > p.slow:
			slow = i
		}
		if slow < 0 {
			sizes.Add(s.N)
		}
		several = several || slow >= 0 && s.N > 1 && !s.SetUp
	}
	if slow >= 0 && several && (sizes.All < leastWaits || sizes.UsuallyOne()) {
		// Where nobody was seen to give up, only a reader that holds commands back can hide it.
		v.c.doubt = sizes.All >= leastWaits
		return false
	}
	if slow < 0 || !v.c.open() || len(v.Steps)-slow > maxSlow {
		return true
	}
	v.c.again = len(v.c.writes) + maxSlow - (len(v.Steps) - slow) + 1
	return false
}

// paceOf is the usual time to a reply as known so far.
func (q *population) paceOf(v *view) pace {
	if q.pace.usual > 0 {
		return q.pace
	}
	var x []float64
	for i := range v.Steps {
		if s := &v.Steps[i]; s.N > 0 && s.Have {
			x = append(x, s.Wait)
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
	for i := range v.Steps {
		s := &v.Steps[i]
		if s.N == 0 || s.Blocking || s.Settled || s.Crossed > 0 {
			continue
		}
		if sure = sure && s.Have; sure {
			q.levelWaits.add(s.Wait)
			if !s.SetUp {
				q.sizes.Add(s.N)
			}
		}
		if s.Wait < inf {
			q.allWaits.add(s.Wait)
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
	for i := range v.Steps {
		s := &v.Steps[i]
		for k := s.Index - 1 - c.base; s.N > 0 && k >= 0 && int(k) < len(v.own) && v.own[k] < s.Own+s.N; k++ {
			if v.own[k] < 0 {
				continue
			}
			index := c.base + k + 1
			if index <= c.told {
				continue
			}
			if !s.Have {
				out = append(out, Row{Index: index})
				continue
			}
			w := settledAs(c, &p, s.Wait)
			if s.Blocking {
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
		r.reg.look(c.pop)
		c.pop = nil // the connection may be kept for long
	}
	r.ended = Verdict{Conn: c, Last: c.latest, Ended: true, Quiet: true}
	r.judged(&r.ended)
}
