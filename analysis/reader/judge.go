package reader

import (
	"slices"

	"github.com/respsniff/respsniff/analysis/client"
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
		c.over = last || c.gone
		c.judged = c.judged || c.over
		if !last {
			q.remember(f.v)
			q.pace.refresh(&q.levelWaits, &r.buf)
			c.start, c.level = r.pass.carry(f.v)
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
	r.reg.idle.set(q)
}

// notLevel is the chance of being behind from which on a connection is watched.
const notLevel = 1e-3

// carry returns the hypotheses of the last pass as those before the next write: what has not been read counts from its end.
// level says that every reader is where its own replies begin.
func (p *pass) carry(v *view) (out []state, level bool) {
	last := p.at[len(p.at)-1]
	end := v.left
	if v.held == 0 {
		end = v.firstToCome() // they are the first that follow
	}
	z, behind := 0.0, 0.0
	for _, s := range p.states[last.states:] {
		z += s.w
	}
	for _, s := range p.states[last.states:] {
		s.w /= z
		s.read = min(s.read-end, 0)
		if s.kind.Healthy() && s.kind != client.Closes {
			s.read = 0
		}
		if s.read < 0 || s.held > 0 {
			behind += s.w
		}
		out = append(out, s)
	}
	if behind >= notLevel {
		return out, false
	}
	return slices.DeleteFunc(out, func(s state) bool { return s.read < 0 || s.held > 0 }), true
}
