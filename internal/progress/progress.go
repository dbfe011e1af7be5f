// Package progress shows people how far a run over captures is.
package progress

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/respsniff/respsniff/capture"
)

const (
	lookEvery = 1 << 10                // packets between two looks at the clock and at the context
	drawEvery = 200 * time.Millisecond // on a terminal
	logEvery  = 30 * time.Second       // elsewhere
)

// Meter passes batches of packets through. It shows how far the run is, notes what could not be read instead of handing
// it on, and ends the stream when the run is interrupted, so that what was seen is still reported.
type Meter struct {
	W        io.Writer
	Terminal bool // W is one: the line is drawn again and again in its place
	Quiet    bool // nothing is shown

	// What is known so far. Earliest and Latest are complete once the stream is over.
	First            capture.Time // of the first packet, whatever its time
	Earliest, Latest capture.Time
	Faults           []error // of reading, in order
	Stopped          bool    // interrupted before the end

	packets, bytes int64
}

// Batches reads a source whole, or until ctx is done. It never yields an error.
func (m *Meter) Batches(ctx context.Context, source *capture.Source) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) {
		start := time.Now()
		last := start
		every := logEvery
		if m.Terminal {
			every = drawEvery
		}
		defer func() {
			if m.Terminal && last != start {
				fmt.Fprint(m.W, "\r\x1b[K")
			}
		}()
		defer m.total(source)
		for batch, err := range source.Batches() {
			if err != nil {
				m.Faults = append(m.Faults, err)
				continue
			}
			if m.packets == 0 {
				m.First, m.Earliest, m.Latest = batch[0].Time, batch[0].Time, batch[0].Time
			}
			before := m.packets
			m.packets += int64(len(batch))
			if before/lookEvery != m.packets/lookEvery {
				if ctx.Err() != nil {
					m.Stopped = true
					return
				}
				if now := time.Now(); !m.Quiet && now.Sub(last) >= every {
					last = now
					m.total(source)
					m.draw(now.Sub(start), batch[len(batch)-1].Time)
				}
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

// total gathers what the source counts in any case, so that nothing is done here for each packet.
func (m *Meter) total(source *capture.Source) {
	m.bytes = 0
	for _, f := range source.Files() {
		m.bytes += f.Bytes
		if f.Packets > 0 {
			m.Earliest, m.Latest = min(m.Earliest, f.First), max(m.Latest, f.Last)
		}
	}
}

func (m *Meter) draw(spent time.Duration, at capture.Time) {
	line := fmt.Sprintf("%d packets, %d MiB, %.0f MiB/s, at %s", m.packets, m.bytes>>20,
		float64(m.bytes>>20)/spent.Seconds(), at.Std().Format("2006-01-02 15:04:05 MST"))
	if m.Terminal {
		fmt.Fprintf(m.W, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintf(m.W, "respsniff: %s\n", line)
}
