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
)

// ripe reports whether a live run judges the session now.
func (s *Session) ripe() bool {
	if !s.run.o.Live {
		return false
	}
	st := s.stance()
	if st.Basis >= BasisGuessed || st.Confidence >= Likely {
		return true
	}
	return s.log.len() > 0 && s.run.liveNow().Sub(s.log.front().EndTime) >= liveWait
}

// liveNow is the latest moment that a live run knows of.
func (r *Run) liveNow() capture.Time { return max(r.summary.Last, r.ticked) }

// Tick tells a live run that no packet before now is still to come. It judges connections that were waiting for more to
// be known and had waited for long enough. It must be called from the goroutine that pulls the events, while it asks
// for another packet.
func (r *Run) Tick(now capture.Time) {
	if !r.o.Live || r.yield == nil || r.stopped || now <= r.ticked {
		return
	}
	r.ticked = now
	for _, s := range slices.Clone(r.waiting) {
		if r.stopped {
			return
		}
		if s.log.len() == 0 || !s.ripe() {
			continue
		}
		if s.judge(); !s.over {
			s.tellDesync()
		} else if s.log.len() == 0 {
			r.unawait(s)
			r.retire(s)
		}
	}
}

// Outstanding returns how many commands are kept whose reply or judgement is due, of all connections.
func (r *Run) Outstanding() int { return r.logged }

// tellDesync tells of an open connection that its callers are worse off than they were told to be.
func (s *Session) tellDesync() {
	d := s.desync
	if !s.run.o.Live || s.over || d == nil || !d.changed {
		return
	}
	d.Open = true
	s.run.tellDesync(s)
}

// tellDesync emits the state of a connection's trouble.
func (r *Run) tellDesync(s *Session) {
	d := s.desync
	d.changed = false
	d.Session = s
	r.register.Report(d.Conn, d.Open, func() { r.emit(d) })
	d.Session = nil
}
