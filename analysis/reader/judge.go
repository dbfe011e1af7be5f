package reader

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/analysis/inference"
	"github.com/respsniff/respsniff/capture"
)

// relieve judges every connection by what is known so far: the records kept have reached their bound.
func (r *Reader) relieve() {
	for q := range r.reg.all() {
		q.judgeAll(r, false)
	}
}

// judgeAll judges the connections of a population. last says that nothing more comes; else those that are open go on from
// where they are.
func (q *population) judgeAll(r *Reader, last bool) {
	q.tidy()
	for _, c := range slices.Clone(q.conns) {
		if (c.blind() || q.settleQuiet(r, c)) && (c.gone || last) {
			r.over(c)
		} else if c.blind() {
			c.drop(r)
		}
	}
	q.tidy()
	for _, f := range q.fit(&r.o, &r.pass) {
		r.verdict(q, f, last)
		c := f.v.c
		abandoned := c.judged // by whoever took the verdict
		c.over = last || c.gone
		c.judged = c.judged || c.over
		if !last && !abandoned {
			q.remember(f.v)
			q.pace.refresh(&q.levelWaits, &r.buf)
			c.start, c.level = r.pass.Carry(f.v.next())
			c.owing = owing(c.owing, f.v, c.start)
			c.doubt, c.again = false, 0
			c.forget(f.v)
		}
	}
	for _, c := range slices.Clone(q.conns) {
		if c.gone || last {
			r.over(c)
		}
	}
	if !last {
		q.forget()
	}
	q.tidy()
	r.reg.look(q)
}

// owing names the replies that some of the hypotheses have unread at the end of a view; before are those of its begin.
func owing(before []int32, v *view, start []inference.State) []int32 {
	most := 0
	for _, s := range start {
		most = max(most, int(-s.Read))
	}
	if most == 0 {
		return nil
	}
	all := append(slices.Clone(before), v.Command[:v.next()]...)
	return slices.Clip(all[max(0, len(all)-most):])
}

// maxDoubt is how long a live capture waits for what a connection shows later before its doubts are judged.
const maxDoubt = 15 * time.Second

// tickEvery is how often the populations are looked through.
const tickEvery = time.Second

// Tick judges, of a live capture at now, the populations in which a doubt is older than 15 s, by what is known so far; open
// connections go on from there. What is known of clients that rest is forgotten. It may be called with every packet.
func (r *Reader) Tick(now capture.Time) {
	if now.Sub(r.ticked) < tickEvery {
		return
	}
	r.ticked, r.now = now, now
	r.reg.idle.Tick(now, r.reg.drop)
	for q := range r.reg.all() {
		if overdue(q, now) {
			q.judgeAll(r, false)
		}
	}
}

// overdue reports whether a write that something came after has been kept for longer than maxDoubt.
func overdue(q *population, now capture.Time) bool {
	for _, c := range q.conns {
		if (len(c.writes) > 1 || c.gone && len(c.writes) > 0) && now.Sub(c.writes[0].last) > maxDoubt {
			return true
		}
	}
	return false
}
