package analysis

import (
	"time"

	"github.com/respsniff/respsniff/analysis/incident"
	"github.com/respsniff/respsniff/capture"
)

// A live run (Options.Live) reports what it finds while it goes on, and takes nothing of it back.
//
//  1. A connection is judged as soon as its client's policy is likely, so that it can be accused, and after liveWait at
//     the latest; what the client shows afterwards counts for later judgements only.
//  2. A connection whose callers got worse off emits its Desync at once, with Open set, and again whenever it changed.
//     Each replaces what the one before contributed to findings, so that nothing is counted twice.
//  3. Detect yields a finding with Early set when its group first appears, again when it has become surer, worse, twice as
//     frequent, or concerns further connections, when it comes back after a quiet time, and when it is over. At the end all
//     findings come once more, complete.
//
// Rules that only know at the end (leaks of pools, quality of the capture) are silent until then.

// Tick is called when no packet before now is still to come. It judges connections that were waiting for more to
// be known and had waited for long enough. It must be called from the goroutine that pulls the events, while it asks
// for another packet.
func (r *Run) Tick(now capture.Time) {
	if !r.o.Live || r.output.yield == nil || r.output.stopped || now <= r.ticked {
		return
	}
	r.ticked = now
	r.judging.Tick(now)
	r.clients.Tick(now)
	r.links.Tick(now)
	r.databases.Tick(now)
	if now.Sub(r.told) >= tickEvery {
		r.told = now
		r.emit(&Ticked{})
	}
}

// tickEvery is how often a live run looks at what the time alone makes due.
const tickEvery = time.Second

// Ticked is an event of a live run in which nothing but the time has changed.
type Ticked struct{}

// Event implements pairing.Event.
func (*Ticked) Event() {}

// Live reports whether what is found is told while the run goes on.
func (r *Run) Live() bool { return r.o.Live }

// Behind returns on how many open connections the next caller gets another caller's reply, as far as is known, likely at
// least: of a live run.
func (r *Run) Behind() int { return r.judging.Behind }

// Counts returns what each rule of a live run has found so far.
func (r *Run) Counts() []incident.RuleCount { return r.register.Counts() }

// OpenIncidents returns how many incidents of a live run go on. It takes as long as a report; only where Turned has changed
// can the number be another one.
func (r *Run) OpenIncidents() int { return r.register.OpenIncidents() }

// Turned counts how often a finding began, became worse or ended in a live run.
func (r *Run) Turned() int { return r.register.Turned() }

// Outstanding returns how many commands are kept whose reply or judgement is due, of all connections.
func (r *Run) Outstanding() int { return r.shared.InUse }

// reportDesync emits the state of a connection's trouble.
func (s *Session) reportDesync() {
	r := s.run
	d := s.reader.Desync
	d.Changed = false
	d.Session = &s.reader
	r.register.Report(d.Conn, d.Open, d.Now > 0, func() { r.emit(d) })
	d.Session = nil
}
