package live

import (
	"iter"
	"time"

	"github.com/respsniff/respsniff/capture"
	"github.com/respsniff/respsniff/internal/metrics"
	"github.com/respsniff/respsniff/internal/report"
	"github.com/respsniff/respsniff/internal/tally"
)

const (
	// lookEvery is how many packets pass at most between two looks at clocks and limits.
	lookEvery = 1 << 10
	// countEvery is how often the kernel's counters are read and the metrics updated.
	countEvery = time.Second
)

// pace is what has to be done when. Times are those of packets and ticks, but for counted.
type pace struct {
	began, now capture.Time
	looked     int64 // packets at the last look
	lookedAt   capture.Time
	shown      capture.Time // of the last line of figures
	shownAt    int64        // packets then
	counted    time.Time    // of the last look at counters
}

// pass hands packets on, with what goes on beside the analysis. It ends with the run or with this analysis.
func (l *run) pass(packets iter.Seq2[capture.Packet, error]) iter.Seq2[capture.Packet, error] {
	return func(yield func(capture.Packet, error) bool) {
		for p, err := range packets {
			if err != nil {
				l.fault(err)
				continue
			}
			if p.Length > 0 {
				l.count(&p)
			}
			l.pace.now = max(l.pace.now, p.Time)
			if p.Length == 0 || l.input.Packets-l.pace.looked >= lookEvery || p.Time.Sub(l.pace.lookedAt) >= capture.DefaultTick {
				l.look(p.Time)
			}
			l.keys.arm()
			if !yield(p, nil) || l.stopped || l.renew {
				return
			}
		}
	}
}

func (l *run) count(p *capture.Packet) {
	in := &l.input
	if in.Packets == 0 {
		in.First, in.Last = p.Time, p.Time
	}
	in.Packets++
	in.Bytes += int64(len(p.Data))
	in.First, in.Last = min(in.First, p.Time), max(in.Last, p.Time)
	l.started(p.Time)
	if l.record != nil {
		l.record.put(p)
	}
	if l.keeper != nil {
		l.keeper.see(p)
	}
	if l.o.Packets > 0 && in.Packets >= l.o.Packets {
		l.stopped = true
	}
}

// started notes the first moment of the run.
func (l *run) started(at capture.Time) {
	if l.pace.began == 0 {
		l.pace.began, l.pace.shown = at, at
	}
}

// look does what is due at a moment.
func (l *run) look(at capture.Time) {
	l.pace.looked, l.pace.lookedAt = l.input.Packets, at
	l.started(at)
	if l.o.Time > 0 && l.pace.now.Sub(l.pace.began) >= l.o.Time {
		l.stopped = true
	}
	select {
	case <-l.hangups:
		if l.record != nil {
			l.record.rotate()
		}
	default:
	}
	if err := l.keys.check(); err != nil {
		l.log.Warn("--keylog: %v", err)
	}
	l.analysis.Tick(at)
	if l.keeper != nil {
		l.keeper.tick(l.pace.now)
	}
	if l.o.Interval > 0 && l.pace.now.Sub(l.pace.shown) >= l.o.Interval {
		l.figures()
	}
	if now := time.Now(); now.Sub(l.pace.counted) >= countEvery {
		l.pace.counted = now
		if l.record != nil {
			l.record.flush()
		}
		l.readDrops()
		l.measure()
		l.renew = l.renew || memoryUsed() > memoryShare*float64(l.o.Memory)
	}
}

func (l *run) readDrops() {
	d, err := l.source.Drops()
	if err != nil {
		return // an interface that is gone has no counters
	}
	l.drops = d
	l.input.KernelDrops = tally.Lost(d)
}

// openIncidents counts the incidents that go on, anew where that number can have changed.
func (l *run) openIncidents() int {
	if n := l.analysis.Turned(); n != l.going.turned {
		l.going = going{n, l.analysis.OpenIncidents()}
	}
	return l.going.open
}

// measure updates the metrics.
func (l *run) measure() {
	if l.metrics == nil {
		return
	}
	s, st := l.analysis.Summary(), l.tally.Stats()
	state := metrics.State{
		Packets: l.input.Packets, Bytes: l.input.Bytes, KernelDrops: l.drops.Kernel, InterfaceDrops: l.drops.Interface,
		LostBytes: st.LostBytes, Connections: s.Connections, Open: s.Connections - l.ended,
		Outstanding: int64(l.analysis.Outstanding()), Commands: s.Commands, Replies: s.Replies,
		Restarts: l.restarts, Behind: int64(l.analysis.Behind()), OpenIncidents: int64(l.openIncidents()), Rules: l.analysis.Counts(),
		OutputSkipped: l.outputs.skipped(), RecordSkipped: l.skippedPackets(), CaptureTimestamp: float64(l.pace.now) / 1e9,
	}
	if l.keeper != nil {
		state.EvidenceFiles, state.EvidenceSkipped = l.keeper.written.Load(), l.keeper.skipped.Load()
	}
	state.Limits = map[string]int64{}
	for _, b := range append(l.tally.Bounds(), l.reached()...) {
		state.Limits[b.Name] = b.Hits
		if b.Loses == report.Evidence {
			state.LimitHits += b.Hits
		}
	}
	l.metrics.Update(state)
}
