// Package progress shows people how far a run over captures is.
package progress

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"
	"unicode/utf8"

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
	W       io.Writer
	Columns int  // width of the terminal that W is, where the line is drawn again and again in its place; 0: W is none
	Quiet   bool // nothing is shown

	// What is known so far. Earliest and Latest are complete once the stream is over.
	First            capture.Time // of the first packet, whatever its time
	Earliest, Latest capture.Time
	Faults           []error // of reading, in order
	Stopped          bool    // interrupted before the end

	packets, bytes int64

	now func() time.Time // nil: the wall clock
}

// Batches reads a source whole, or until ctx is done. It never yields an error.
func (m *Meter) Batches(ctx context.Context, source *capture.Source) iter.Seq2[[]capture.Packet, error] {
	return func(yield func([]capture.Packet, error) bool) {
		if m.now == nil {
			m.now = time.Now
		}
		start := m.now()
		last := start
		every := logEvery
		if m.Columns > 0 {
			every = drawEvery
		}
		defer func() {
			if m.Columns > 0 && last != start {
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
				if now := m.now(); !m.Quiet && now.Sub(last) >= every {
					last = now
					m.total(source)
					m.draw(source, now.Sub(start), batch[len(batch)-1].Time)
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

func (m *Meter) draw(source *capture.Source, spent time.Duration, at capture.Time) {
	line := fmt.Sprintf("%s%d packets, %d MiB, %.0f MiB/s, at %s", share(source, spent), m.packets, m.bytes>>20,
		float64(m.bytes>>20)/spent.Seconds(), at.Std().Format("2006-01-02 15:04:05 MST"))
	if m.Columns > 0 {
		fmt.Fprintf(m.W, "\r\x1b[K%s", fit(line, m.Columns-1))
		return
	}
	fmt.Fprintf(m.W, "respsniff: %s\n", line)
}

// share says how much of the files is read, and how long the rest takes if it goes on so; "" where their size is unknown.
func share(source *capture.Source, spent time.Duration) string {
	read, size, ok := source.Progress()
	if !ok || read == 0 {
		return ""
	}
	left := time.Duration(float64(spent) / float64(read) * float64(size-read))
	return fmt.Sprintf("%d %%, %s left: ", read*100/size, about(left))
}

// about rounds a time for people.
func about(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return fmt.Sprintf("%d min %02d s", s/60, s%60)
	}
	return fmt.Sprintf("%d h %02d min", s/3600, s/60%60)
}

// fit cuts a line that would wrap.
func fit(line string, width int) string {
	if utf8.RuneCountInString(line) <= width {
		return line
	}
	return string([]rune(line)[:max(width, 0)])
}
