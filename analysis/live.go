package analysis

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// A live run (Options.Live) reports what it finds while it goes on, and takes nothing of it back.
//
//  1. A connection is judged as soon as its client's policy is likely, so that it can be accused, and after liveWait at
//     the latest; what the client shows afterwards counts for later judgements only.
//  2. A connection whose callers got worse off emits its Desync at once, with Open set, and again whenever it changed.
//     Each replaces what the one before contributed to findings, so that nothing is counted twice.
//  3. Detect yields a finding with Early set when its group first appears, and again when it has become surer, worse
//     or twice as frequent. At the end all findings come once more, complete.
//
// Rules that only know at the end (leaks of pools, quality of the capture) are silent until then.
const (
	// liveWait is how long a command may wait for the judgement until more is known of its client.
	liveWait = 30 * time.Second
	// liveSure is the least confidence of a finding that is reported early.
	liveSure = Likely
)

// liveNow is the latest moment that a live run knows of.
func (r *Run) liveNow() capture.Time { return max(r.summary.Last, r.ticked) }

// Tick is called when no packet before now is still to come. It judges connections that were waiting for more to
// be known and had waited for long enough. It must be called from the goroutine that pulls the events, while it asks
// for another packet.
func (r *Run) Tick(now capture.Time) {
	if !r.o.Live || r.output.yield == nil || r.output.stopped || now <= r.ticked {
		return
	}
	r.ticked = now
	for _, s := range slices.Clone(r.judging.waiting) {
		if r.output.stopped {
			return
		}
		r.tick(SessionOf(s.Paired))
	}
}

// tick judges a session if it is time. A panic ends the analysis of its connection only.
func (r *Run) tick(s *Session) {
	r.guarded(s, func() {
		if s.log.len() == 0 || !s.reader.ripe() {
			return
		}
		if s.reader.judge(); !s.over {
			s.reader.reportDesync()
		} else if s.log.len() == 0 {
			r.judging.unawait(&s.reader)
			r.retire(s)
		}
	})
}

// Outstanding returns how many commands are kept whose reply or judgement is due, of all connections.
func (r *Run) Outstanding() int { return r.shared.alive }

// reportDesync emits the state of a connection's trouble. While it does, Reporters know which connection reports.
func (r *Run) reportDesync(s *Session) {
	d := s.reader.desync
	d.changed = false
	d.Session, r.speaking = &s.reader, d
	r.turns++
	r.emit(d)
	d.Session, r.speaking = nil, nil
}

// contribution is what an open connection has added to a finding.
type contribution struct {
	turn              int64 // the report that added it
	count             int
	victims, commands map[string]int
}

// told is what has been reported of a finding early.
type told struct {
	severity   Severity
	confidence Confidence
	count      int
}

// replaced takes back what an earlier report of the connection that is being reported had added to c, before o takes its
// place. One report may add several occurrences. It returns the number of the report, 0 where o is of none.
func (r *Reporter) replaced(c *collected, o *Occurrence) (turn int64) {
	if !r.run.o.Live {
		return 0
	}
	c.changed, r.run.news = true, true
	d := r.run.speaking
	if d == nil || o.Conn == 0 || o.Conn != d.Conn {
		return 0
	}
	turn = r.run.turns
	now, known := c.open[o.Conn]
	if known && now.turn != turn {
		c.takeBack(o.Conn, &now)
		delete(c.open, o.Conn)
		known = false
	}
	if !d.Open {
		return 0 // the last report: nothing replaces it
	}
	if !known {
		now = contribution{turn: turn, victims: map[string]int{}, commands: map[string]int{}}
	}
	now.count += max(o.Count, 1)
	add(now.victims, o.Victims)
	add(now.commands, o.Commands)
	if c.open == nil {
		c.open = map[int64]contribution{}
	}
	c.open[o.Conn] = now
	return turn
}

// takeBack removes what a report of an open connection has added.
func (c *collected) takeBack(conn int64, was *contribution) {
	c.f.Count -= was.count
	subtract(c.vics, was.victims)
	subtract(c.cmds, was.commands)
	c.f.Examples = slices.Clone(c.f.Examples)
	for i := len(c.f.Examples) - 1; i >= 0; i-- {
		if c.f.Examples[i].Conn == conn && c.marks[i].turn == was.turn {
			c.f.Examples = slices.Delete(c.f.Examples, i, i+1)
			c.marks = slices.Delete(c.marks, i, i+1)
		}
	}
}

func add(to, what map[string]int) {
	for k, n := range what {
		to[k] += n
	}
}

func subtract(from, what map[string]int) {
	for k, n := range what {
		if from[k] -= n; from[k] <= 0 {
			delete(from, k)
		}
	}
}

// early yields what is new among the findings. It is false when the consumer wants no more.
func (r *Run) early(w *watch, yield func(Finding, error) bool) bool {
	if !r.news {
		return true
	}
	r.news = false
	for _, rep := range w.reporters {
		for _, c := range rep.order {
			if !c.changed {
				continue
			}
			c.changed = false
			f := &c.f
			if f.Confidence < liveSure || f.Severity <= c.told.severity && f.Confidence <= c.told.confidence && f.Count < 2*c.told.count {
				continue
			}
			c.told = told{f.Severity, f.Confidence, f.Count}
			out := rep.finding(c)
			out.Early = true
			// The run goes on with its own.
			out.Examples, out.Notes = slices.Clone(out.Examples), slices.Clone(out.Notes)
			if !yield(out, nil) {
				return false
			}
		}
	}
	return true
}
