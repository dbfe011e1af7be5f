package analysis

import (
	"slices"
	"time"

	"github.com/respsniff/respsniff/capture"
)

// A live run (Options.Live) tells what it finds while it goes on, and takes nothing of it back.
//
//  1. A connection is judged as soon as its client's policy is likely, so that it can be accused, and no later than
//     liveWait; what the client shows afterwards counts for later judgements only.
//  2. A connection whose callers got worse off tells its Desync at once, with Open set, and again whenever it changed.
//     Each replaces what the one before contributed to findings, so that nothing is counted twice.
//  3. Detect yields a finding with Early set when its group first appears, and again when it has become surer, worse
//     or twice as frequent. At the end all findings come once more, complete.
//
// Rules that only know at the end (leaks of pools, quality of the capture) are silent until then.
const (
	// liveWait is how long a command may wait for the judgement until more is known of its client.
	liveWait = 30 * time.Second
	// liveSure is the least confidence of a finding that is told early.
	liveSure = Likely
)

// liveNow is the latest moment that a live run knows of.
func (r *Run) liveNow() capture.Time { return max(r.summary.Last, r.ticked) }

// Tick tells a live run that no packet before now is still to come. It judges connections that were waiting for more to
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
		if s.log.len() == 0 || !s.ripe() {
			continue
		}
		if s.judge(); !s.over {
			s.reportDesync()
		} else if s.log.len() == 0 {
			r.judging.unawait(s)
			r.retire(SessionOf(s.Paired))
		}
	}
}

// Outstanding returns how many commands are kept whose reply or judgement is due, of all connections.
func (r *Run) Outstanding() int { return r.shared.alive }

// reportDesync emits the state of a connection's trouble. While it does, Reporters know which connection reports.
func (r *Run) reportDesync(s *Session) {
	d := s.reader.desync
	d.changed = false
	d.Session, r.speaking = &s.reader, d
	r.emit(d)
	d.Session, r.speaking = nil, nil
}

// contribution is what an open connection has added to a finding.
type contribution struct {
	count             int
	victims, commands map[string]int
}

// told is what has been said of a finding early.
type told struct {
	severity   Severity
	confidence Confidence
	count      int
}

// replaced takes back what an earlier state of the connection that speaks had added to c, before o takes its place.
func (r *Reporter) replaced(c *collected, o *Occurrence) {
	if !r.run.o.Live {
		return
	}
	c.changed, r.run.news = true, true
	d := r.run.speaking
	if d == nil || o.Conn == 0 || o.Conn != d.Conn {
		return
	}
	if was, ok := c.open[o.Conn]; ok {
		c.f.Count -= was.count
		subtract(c.vics, was.victims)
		subtract(c.cmds, was.commands)
		for i := range c.f.Examples {
			if c.f.Examples[i].Conn == o.Conn {
				c.f.Examples = slices.Delete(slices.Clone(c.f.Examples), i, i+1)
				c.ranks = slices.Delete(c.ranks, i, i+1)
				break
			}
		}
	}
	if !d.Open {
		delete(c.open, o.Conn)
		return
	}
	if c.open == nil {
		c.open = map[int64]contribution{}
	}
	now := contribution{count: max(o.Count, 1), victims: map[string]int{}, commands: map[string]int{}}
	for k, n := range o.Victims {
		now.victims[k] = n
	}
	for k, n := range o.Commands {
		now.commands[k] = n
	}
	c.open[o.Conn] = now
}

func subtract(from, what map[string]int) {
	for k, n := range what {
		if from[k] -= n; from[k] <= 0 {
			delete(from, k)
		}
	}
}

// early yields what is new among the findings. It is false when nobody wants more.
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
