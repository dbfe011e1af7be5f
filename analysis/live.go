package analysis

import (
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

// Tick is called when no packet before now is still to come. It judges connections that were waiting for more to
// be known and had waited for long enough. It must be called from the goroutine that pulls the events, while it asks
// for another packet.
func (r *Run) Tick(now capture.Time) {
	if !r.o.Live || r.output.yield == nil || r.output.stopped || now <= r.ticked {
		return
	}
	r.ticked = now
	r.judging.Tick(now)
}

// Outstanding returns how many commands are kept whose reply or judgement is due, of all connections.
func (r *Run) Outstanding() int { return r.shared.InUse }

// reportDesync emits the state of a connection's trouble.
func (s *Session) reportDesync() {
	r := s.run
	d := s.reader.Desync
	d.Changed = false
	d.Session = &s.reader
	r.register.Report(d.Conn, d.Open, func() { r.emit(d) })
	d.Session = nil
}
