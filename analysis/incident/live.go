package incident

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// liveGroup is what a live run remembers of a group.
type liveGroup struct {
	open    map[int64]*contribution // of open connections
	goingOn int                     // of them, those on which the fault goes on
	changed bool                    // since it was last looked at
	counted int                     // occurrences that the rule's count has
	telling telling
	latest  *Example // its latest occurrence
}

// contribution is what the latest report of an open connection has added to a group. One report may add several
// occurrences.
type contribution struct {
	serial            int64
	goesOn            bool
	count             int
	victims, commands map[string]int
}

// replace takes back what an earlier report of the connection had added, before o takes its place. It returns where to note
// what o adds; nil where nothing will replace it.
func (g *FindingGroup) replace(reg *Register, o *Occurrence) *contribution {
	if !reg.o.Live {
		return nil
	}
	reg.touch(g)
	r := &reg.reporting
	if o.Conn == 0 || o.Conn != r.conn {
		return nil
	}
	now := g.live.open[o.Conn]
	if now != nil && now.serial != r.serial {
		g.takeBack(o.Conn, now)
		delete(g.live.open, o.Conn)
		if now.goesOn {
			g.live.goingOn--
			g.live.telling.over(r)
		}
		now = nil
	}
	if !r.open {
		return nil // the last report: nothing replaces it
	}
	if now == nil {
		now = &contribution{serial: r.serial, goesOn: r.goesOn, victims: map[string]int{}, commands: map[string]int{}}
		if g.live.open == nil {
			g.live.open = map[int64]*contribution{}
		}
		g.live.open[o.Conn] = now
		if now.goesOn {
			g.live.goingOn++
		}
	}
	return now
}

// takeBack removes what one report of a connection has added: its counts and examples.
func (g *FindingGroup) takeBack(conn int64, was *contribution) {
	g.f.Count -= was.count
	if at, known := g.conns[conn]; known {
		for _, n := range was.victims {
			at.calls -= n
		}
		g.conns[conn] = at
	}
	subtract(g.victims, was.victims)
	subtract(g.commands, was.commands)
	g.examples = slices.DeleteFunc(g.examples, func(e ranked) bool { return e.serial == was.serial })
}

func subtract(from, what map[string]int) {
	for k, n := range what {
		if from[k] -= n; from[k] <= 0 {
			delete(from, k)
		}
	}
}

// look says what is to be told of a group at a moment; nil: nothing.
func (g *FindingGroup) look(now capture.Time, quiet time.Duration) *Early {
	f, t := &g.f, &g.live.telling
	if f.Confidence < liveSure {
		return nil
	}
	conns := len(g.conns) + g.closed
	e := &Early{At: now, Conns: conns - t.conns}
	silent, grown := f.Last.Sub(t.last), f.Count > t.seen
	defer func() { t.seen = f.Count }()
	resting := t.ended > 0 && now.Sub(t.ended) < tellEvery
	switch {
	case t.at == 0:
		e.News = NewsFirst
	case t.active && grown && silent >= quiet:
		e.News, e.Quiet = NewsAgain, silent
	case !t.active && f.Count > t.count && !resting:
		e.News, e.Quiet = NewsAgain, max(silent, now.Sub(t.ended))
	case f.Severity > t.severity || f.Confidence > t.confidence:
		e.News = NewsWorse
	case t.active && (f.Count >= 2*t.count || conns >= 2*t.conns && t.conns > 0 || conns > t.conns && now.Sub(t.at) >= tellEvery):
		e.News = NewsMore
	case t.active && !resting && g.isOver(now, quiet):
		e.News, e.Quiet, e.Closed, e.CaughtUp = NewsOver, now.Sub(f.Last), t.closed, t.caughtUp
	default:
		if t.active {
			t.last = max(t.last, f.Last)
		}
		return nil
	}
	t.last = max(t.last, f.Last)
	t.active = e.News != NewsOver
	if !t.active {
		t.ended, t.closed, t.caughtUp = now, 0, 0
	}
	t.severity, t.confidence, t.count, t.conns, t.at = f.Severity, f.Confidence, f.Count, conns, now
	return e
}

// isOver reports whether a finding is over: where it went on on connections, when it does so on none; else when nothing of
// it has happened for a quiet time.
func (g *FindingGroup) isOver(now capture.Time, quiet time.Duration) bool {
	t := &g.live.telling
	switch {
	case g.live.goingOn > 0:
		return false
	case t.closed+t.caughtUp > 0:
		return true
	}
	return now.Sub(g.f.Last) >= quiet
}

// recount adds to the rule's counts what is new in a group.
func (g *FindingGroup) recount() {
	l := &g.live
	if l.counted == 0 {
		g.of.counts.Findings++
	}
	if n := g.f.Count - l.counted; n > 0 {
		g.of.counts.Occurrences += int64(n)
		l.counted = g.f.Count
	}
}
