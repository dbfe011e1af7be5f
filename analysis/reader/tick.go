package reader

import (
	"time"

	"github.com/respsniff/respsniff/capture"
)

// maxDoubt is how long a live capture waits for what a connection shows later before its doubts are judged.
const maxDoubt = 15 * time.Second

// tickEvery is how often the populations are looked through.
const tickEvery = time.Second

// Tick judges, of a live capture at now, the populations in which a doubt is older than 15 s, by what is known so far; open
// connections go on from there. It may be called with every packet.
func (r *Reader) Tick(now capture.Time) {
	if now.Sub(r.ticked) < tickEvery {
		return
	}
	r.ticked, r.now = now, now
	for q := range r.reg.all() {
		if q.overdue(now) {
			q.judgeAll(r, false)
		}
	}
}

// overdue reports whether a write that something came after has been kept for longer than maxDoubt.
func (q *population) overdue(now capture.Time) bool {
	for _, c := range q.conns {
		if (len(c.writes) > 1 || c.gone && len(c.writes) > 0) && now.Sub(c.writes[0].last) > maxDoubt {
			return true
		}
	}
	return false
}
